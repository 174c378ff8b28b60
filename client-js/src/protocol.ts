// The messages of `slotcast.v1.msgpack` (protocol.md, sections 3 and 4): what this client writes.

import { encode } from "./msgpack.ts";
import type { Path, Value } from "./values.ts";

/** The WebSocket subprotocol. */
export const subprotocol = "slotcast.v1.msgpack";

/** Levels of a message around a value: message, changes, change, items. */
const envelope_depth = 4;
/** Levels of one value. */
export const value_depth_max = 16;
/** Levels of a whole message. */
export const message_depth_max = value_depth_max + envelope_depth;

/** How much of an object a client has: `sends` counts the sends it was told of. */
export interface Cursor {
  readonly epoch: number;
  readonly version: number;
  readonly sends: number;
}

/** A slot as the server has it; value null: there is none. */
export interface SlotRecord {
  readonly slot: string;
  readonly version: number;
  readonly by: string;
  readonly value: Value;
}

/** What a write does to a slot. `ttl_ms` counts from when the server applies it; `tie` ends with the session. */
export type Operation =
  | {
      readonly op: "set";
      readonly slot: string;
      readonly value: Value;
      readonly ttl_ms?: number | undefined;
      readonly tie?: boolean | undefined;
    }
  | { readonly op: "delete"; readonly slot: string }
  | { readonly op: "add" | "max" | "min"; readonly slot: string; readonly value: number | bigint }
  | {
      readonly op: "once";
      readonly slot: string;
      readonly value: Value;
      readonly ttl_ms?: number | undefined;
      readonly tie?: boolean | undefined;
    }
  | {
      readonly op: "append";
      readonly slot: string;
      readonly value: Value;
      readonly keep?: number | undefined;
      readonly stamp?: boolean | undefined;
    }
  | { readonly op: "patch"; readonly slot: string; readonly path: Path; readonly value: Value }
  | { readonly op: "clear" };

/** Versions that slots must have; 0: must not exist. */
export type Conditions = Readonly<Record<string, number>>;

/** A message to the server. */
export type ClientMessage =
  | {
      readonly type: "hello";
      readonly token?: string | undefined;
      readonly device?: string | undefined;
      readonly user?: string | undefined;
    }
  | {
      readonly type: "use";
      readonly object: string;
      readonly cursor?: Cursor | undefined;
      readonly slots?: readonly string[] | undefined;
      readonly rate?: number | undefined;
    }
  | { readonly type: "release"; readonly object: string }
  | {
      readonly type: "write";
      readonly id?: number | undefined;
      readonly object: string;
      readonly epoch?: number | undefined;
      readonly seen?: number | undefined;
      readonly if?: Conditions | undefined;
      readonly ops: readonly Operation[];
      /** The version that the whole object must have. */
      readonly at?: number | undefined;
    }
  | {
      readonly type: "send";
      readonly id?: number | undefined;
      readonly object: string;
      readonly name: string;
      readonly value: Value;
    }
  | { readonly type: "fingerprint"; readonly object: string }
  | { readonly type: "ping"; readonly n?: number | undefined }
  | { readonly type: "renew"; readonly token: string };

/** The bytes of one message. Throws MalformedValue for what is not a value. */
export function encodeMessage(message: ClientMessage): Uint8Array {
  return encode(trimmed(fields(message)), message_depth_max);
}

function fields(message: ClientMessage): unknown[] {
  switch (message.type) {
    case "hello":
      return [1, message.token, message.device, message.user];
    case "use":
      return [2, message.object, message.cursor && cursorFields(message.cursor), message.slots, message.rate];
    case "release":
      return [3, message.object];
    case "write":
      return [
        4,
        message.id,
        message.object,
        message.epoch,
        message.seen,
        message.if,
        message.ops.map(encodeOperation),
        message.at,
      ];
    case "send":
      // The value is no optional field: nil stays.
      return [5, message.id, message.object, message.name, message.value];
    case "fingerprint":
      return [6, message.object];
    case "ping":
      return [7, message.n];
    case "renew":
      return [8, message.token];
  }
}

function cursorFields(cursor: Cursor): number[] {
  return [cursor.epoch, cursor.version, cursor.sends];
}

/** The array of one operation. */
export function encodeOperation(operation: Operation): unknown[] {
  switch (operation.op) {
    case "set":
      return trimmed([1, operation.slot, operation.value, operation.ttl_ms, operation.tie]);
    case "delete":
      return [2, operation.slot];
    case "add":
      return [3, operation.slot, operation.value];
    case "max":
      return [4, operation.slot, operation.value];
    case "min":
      return [5, operation.slot, operation.value];
    case "once":
      return trimmed([6, operation.slot, operation.value, operation.ttl_ms, operation.tie]);
    case "append":
      return trimmed([7, operation.slot, operation.value, operation.keep, operation.stamp]);
    case "patch":
      return [8, operation.slot, operation.path, operation.value];
    case "clear":
      return [9];
  }
}

/** Trailing optional fields are left out; a null that was given is a value and stays. */
export function trimmed(array: unknown[]): unknown[] {
  let length = array.length;
  while (length > 0 && array[length - 1] === undefined) length--;
  return array.slice(0, length);
}
