// What a server says at every door (protocol.md, section 4).

import { array, number, numbers, optional, optionalString, string } from "./fields.ts";
import { decode } from "./msgpack.ts";
import { message_depth_max } from "./protocol.ts";
import type { Value } from "./values.ts";

/** `welcome`: who the server takes this client for. */
export interface Welcome {
  readonly type: "welcome";
  readonly session: string;
  readonly user: string;
  readonly device: string;
  readonly time_ms: number;
  readonly limits: Readonly<Record<string, number>>;
  /** When the token ends; undefined: never. */
  readonly expires_ms: number | undefined;
}

/** `error`: what was asked has not been done. */
export interface ServerError {
  readonly type: "error";
  readonly code: string;
  readonly what: string;
  readonly object: string | undefined;
}

/** A message that says nothing about objects or people. */
export type LineMessage =
  | Welcome
  | ServerError
  | { readonly type: "pong"; readonly n: number | undefined; readonly time_ms: number }
  | { readonly type: "goaway"; readonly retry_ms: number; readonly reason: string }
  | { readonly type: "renewed"; readonly expires_ms: number | undefined }
  | { readonly type: "close"; readonly code: number; readonly reason: string };

/**
 * The fields of the message in `bytes`, its code first.
 * @throws MalformedValue when the bytes are no message.
 */
export function messageFields(bytes: Uint8Array): readonly Value[] {
  return array(decode(bytes, message_depth_max), "message");
}

/** The message with these fields, if it is one of those that every door has. */
export function lineMessage(fields: readonly Value[]): LineMessage | undefined {
  switch (number(fields[0], "code")) {
    case 16:
      return {
        type: "welcome",
        session: string(fields[1], "session"),
        user: string(fields[2], "user"),
        device: string(fields[3], "device"),
        time_ms: number(fields[4], "time_ms"),
        limits: numbers(fields[5], "limits"),
        expires_ms: optional(fields[6], "expires_ms"),
      };
    case 19:
      return {
        type: "error",
        code: string(fields[1], "code"),
        what: string(fields[2], "what"),
        object: optionalString(fields[3], "object"),
      };
    case 24:
      return { type: "pong", n: optional(fields[1], "n"), time_ms: number(fields[2], "time_ms") };
    case 26:
      return { type: "goaway", retry_ms: number(fields[1], "retry_ms"), reason: string(fields[2] ?? "", "reason") };
    case 27:
      return { type: "renewed", expires_ms: optional(fields[1], "expires_ms") };
    case 28:
      return { type: "close", code: number(fields[1], "code"), reason: string(fields[2] ?? "", "reason") };
    default:
      return undefined;
  }
}
