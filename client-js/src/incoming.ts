// The messages of `slotcast.v1.msgpack` (protocol.md, section 4): what this client reads.

import { decode, MalformedValue } from "./msgpack.ts";
import { message_depth_max, type SlotRecord } from "./protocol.ts";
import { isArray, type Path, type Value } from "./values.ts";

/** What a diff is made of; kinds that this client does not know are left out. */
export type ChangeRecord =
  | {
      readonly change: "set";
      readonly slot: string;
      readonly version: number;
      readonly by: string;
      readonly value: Value;
    }
  | { readonly change: "delete"; readonly slot: string; readonly version: number; readonly by: string }
  | {
      readonly change: "patch";
      readonly slot: string;
      readonly version: number;
      readonly by: string;
      readonly path: Path;
      readonly value: Value;
    }
  | {
      readonly change: "append";
      readonly slot: string;
      readonly version: number;
      readonly by: string;
      readonly items: readonly Value[];
      readonly keep: number;
    }
  | { readonly change: "clear"; readonly version: number; readonly by: string };

/** A message from the server. */
export type ServerMessage =
  | {
      readonly type: "welcome";
      readonly session: string;
      readonly user: string;
      readonly device: string;
      readonly time_ms: number;
      readonly limits: Readonly<Record<string, number>>;
    }
  | {
      readonly type: "success";
      readonly id: number | undefined;
      readonly version: number;
      readonly class: string;
      readonly changed: boolean;
    }
  | {
      readonly type: "reject";
      readonly id: number | undefined;
      readonly code: string;
      readonly what: string;
      readonly version: number;
      readonly winners: readonly SlotRecord[];
    }
  | { readonly type: "error"; readonly code: string; readonly what: string; readonly object: string | undefined }
  | Snapshot
  | Diff
  | Sent
  | {
      readonly type: "fingerprint";
      readonly object: string;
      readonly epoch: number;
      readonly version: number;
      readonly md5: string;
    }
  | { readonly type: "pong"; readonly n: number | undefined; readonly time_ms: number }
  | { readonly type: "released"; readonly object: string }
  | { readonly type: "goaway"; readonly retry_ms: number; readonly reason: string };

/** All slots of an object, or one part of them. In the last part a value of null says that the slot is gone. */
export interface Snapshot {
  readonly type: "snapshot";
  readonly object: string;
  readonly epoch: number;
  readonly version: number;
  readonly sends: number;
  readonly slots: readonly SlotRecord[];
  readonly more: boolean;
  readonly skipped: number;
  /** From 1. */
  readonly part: number;
  readonly parts: number;
}

/** All changes between two versions. */
export interface Diff {
  readonly type: "diff";
  readonly object: string;
  readonly from: number;
  readonly to: number;
  readonly changes: readonly ChangeRecord[];
  readonly skipped: number;
}

/** Somebody's send. */
export interface Sent {
  readonly type: "sent";
  readonly object: string;
  readonly version: number;
  readonly name: string;
  readonly value: Value;
  readonly by: string;
}

/**
 * The message in `bytes`; undefined if its type is not known (a newer server's).
 * @throws MalformedValue when the bytes are no message.
 */
export function decodeMessage(bytes: Uint8Array): ServerMessage | undefined {
  const fields = array(decode(bytes, message_depth_max), "message");
  const code = number(fields[0], "code");
  switch (code) {
    case 16:
      return {
        type: "welcome",
        session: string(fields[1], "session"),
        user: string(fields[2], "user"),
        device: string(fields[3], "device"),
        time_ms: number(fields[4], "time_ms"),
        limits: limits(fields[5]),
      };
    case 17:
      return {
        type: "success",
        id: optional(fields[1], "id"),
        version: number(fields[2], "version"),
        class: string(fields[3], "class"),
        changed: boolean(fields[4], "changed"),
      };
    case 18:
      return {
        type: "reject",
        id: optional(fields[1], "id"),
        code: string(fields[2], "code"),
        what: string(fields[3], "what"),
        version: number(fields[4], "version"),
        winners: array(fields[5] ?? [], "winners").map(slotRecord),
      };
    case 19:
      return {
        type: "error",
        code: string(fields[1], "code"),
        what: string(fields[2], "what"),
        object: fields[3] == null ? undefined : string(fields[3], "object"),
      };
    case 20:
      return snapshot(fields);
    case 21:
      return diff(fields);
    case 22:
      return {
        type: "sent",
        object: string(fields[1], "object"),
        version: number(fields[2], "version"),
        name: string(fields[3], "name"),
        value: fields[4] ?? null,
        by: string(fields[5], "by"),
      };
    case 23:
      return {
        type: "fingerprint",
        object: string(fields[1], "object"),
        epoch: number(fields[2], "epoch"),
        version: number(fields[3], "version"),
        md5: string(fields[4], "md5"),
      };
    case 24:
      return { type: "pong", n: optional(fields[1], "n"), time_ms: number(fields[2], "time_ms") };
    case 25:
      return { type: "released", object: string(fields[1], "object") };
    case 26:
      return { type: "goaway", retry_ms: number(fields[1], "retry_ms"), reason: string(fields[2] ?? "", "reason") };
    default:
      return undefined;
  }
}

function snapshot(fields: readonly Value[]): Snapshot {
  return {
    type: "snapshot",
    object: string(fields[1], "object"),
    epoch: number(fields[2], "epoch"),
    version: number(fields[3], "version"),
    sends: number(fields[4], "sends"),
    slots: array(fields[5], "slots").map(slotRecord),
    more: boolean(fields[6] ?? false, "more"),
    skipped: number(fields[7] ?? 0, "skipped"),
    part: number(fields[8] ?? 1, "part"),
    parts: number(fields[9] ?? 1, "parts"),
  };
}

function diff(fields: readonly Value[]): Diff {
  return {
    type: "diff",
    object: string(fields[1], "object"),
    from: number(fields[2], "from"),
    to: number(fields[3], "to"),
    changes: array(fields[4], "changes").flatMap((item) => changeRecord(array(item, "change")) ?? []),
    skipped: number(fields[5] ?? 0, "skipped"),
  };
}

function slotRecord(item: Value): SlotRecord {
  const fields = array(item, "slot record");
  return {
    slot: string(fields[0], "slot"),
    version: number(fields[1], "version"),
    by: string(fields[2], "by"),
    value: fields[3] ?? null,
  };
}

function changeRecord(fields: readonly Value[]): ChangeRecord | undefined {
  const code = number(fields[0], "change");
  if (code === 5) return { change: "clear", version: number(fields[1], "version"), by: string(fields[2], "by") };
  if (code < 1 || code > 4) return undefined;
  const head = { slot: string(fields[1], "slot"), version: number(fields[2], "version"), by: string(fields[3], "by") };
  if (code === 1) return { change: "set", ...head, value: fields[4] ?? null };
  if (code === 2) return { change: "delete", ...head };
  if (code === 3)
    return { change: "patch", ...head, path: array(fields[4], "path").map(step), value: fields[5] ?? null };
  return { change: "append", ...head, items: array(fields[4], "items"), keep: number(fields[5] ?? 0, "keep") };
}

function step(item: Value): string | number {
  return typeof item === "string" ? item : number(item, "path");
}

function limits(value: Value | undefined): Readonly<Record<string, number>> {
  if (typeof value !== "object" || value === null || isArray(value) || value instanceof Uint8Array)
    throw wrong("limits");
  return Object.fromEntries(Object.entries(value).map(([name, limit]) => [name, number(limit, name)]));
}

function array(value: Value | undefined, field: string): readonly Value[] {
  if (!isArray(value)) throw wrong(field);
  return value;
}

function string(value: Value | undefined, field: string): string {
  if (typeof value !== "string") throw wrong(field);
  return value;
}

/** Numbers of the protocol are unsigned and below 2^53. */
function number(value: Value | undefined, field: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw wrong(field);
  return value;
}

function optional(value: Value | undefined, field: string): number | undefined {
  return value == null ? undefined : number(value, field);
}

function boolean(value: Value | undefined, field: string): boolean {
  if (typeof value !== "boolean") throw wrong(field);
  return value;
}

function wrong(field: string): MalformedValue {
  return new MalformedValue("bad_message", `${field} is missing or has the wrong shape`);
}
