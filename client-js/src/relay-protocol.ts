// The messages of `slotcast.relay.v1.msgpack` (protocol.md, sections 10 to 12): what this client writes.

import { encode } from "./msgpack.ts";
import { message_depth_max, trimmed } from "./protocol.ts";
import type { Value } from "./values.ts";

/** The WebSocket subprotocol. */
export const relaySubprotocol = "slotcast.relay.v1.msgpack";

/** How much of the user's inbox a device has. */
export interface InboxCursor {
  readonly epoch: number;
  readonly seq: number;
}

/** What is to become of someone on the own list. */
export type Edit =
  | { readonly edit: "ask" | "accept" | "decline" | "remove" | "block" | "unblock"; readonly user: string }
  | { readonly edit: "approve"; readonly user: string; readonly value: boolean }
  | { readonly edit: "alias"; readonly user: string; readonly value: string | null }
  | { readonly edit: "groups"; readonly user: string; readonly value: readonly string[] };

/** How a user says that he is. */
export type OwnState = "online" | "away" | "busy" | "invisible";

/** A message to the server. */
export type RelayRequest =
  | { readonly type: "open"; readonly cursor?: InboxCursor | undefined }
  | {
      readonly type: "tell";
      readonly id: number;
      readonly to: string;
      readonly body: Value;
      readonly kind?: string | undefined;
      /** The tag of the sender's friend list. */
      readonly have?: string | undefined;
    }
  | { readonly type: "ack"; readonly seq: number }
  | { readonly type: "read"; readonly user: string; readonly seq: number }
  | {
      readonly type: "signal";
      readonly to: string;
      readonly kind: string;
      readonly body: Value;
      /** For its refusal. */
      readonly id?: number | undefined;
    }
  | { readonly type: "friends"; readonly have?: string | undefined }
  | ({ readonly type: "edit"; readonly id: number } & Edit)
  | { readonly type: "status"; readonly state?: OwnState | undefined; readonly body?: Value | undefined };

/** The bytes of one message. Throws MalformedValue for what is not a value. */
export function encodeRelay(request: RelayRequest): Uint8Array {
  return encode(trimmed(fields(request)), message_depth_max);
}

function fields(request: RelayRequest): unknown[] {
  switch (request.type) {
    case "open":
      return [32, request.cursor?.epoch, request.cursor?.seq];
    case "tell":
      return [33, request.id, request.to, request.body, request.kind, request.have];
    case "ack":
      return [34, request.seq];
    case "read":
      return [35, request.user, request.seq];
    case "signal":
      return [36, request.to, request.kind, request.body, request.id];
    case "friends":
      return [37, request.have];
    case "edit":
      return [38, request.id, request.edit, request.user, "value" in request ? request.value : undefined];
    case "status":
      return [39, request.state, request.body];
  }
}
