// The messages of `slotcast.v1.msgpack` (protocol.md, section 4): what this client reads.

import { array, boolean, number, optional, string } from "./fields.ts";
import type { SlotRecord } from "./protocol.ts";
import type { Path, Value } from "./values.ts";

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

/** A message from the server about objects. */
export type ObjectMessage =
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
  | { readonly type: "released"; readonly object: string };

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
 * The message with these fields, its code first; undefined if its type is not known (a newer server's).
 * @throws MalformedValue when they are no message.
 */
export function objectMessage(fields: readonly Value[]): ObjectMessage | undefined {
  switch (number(fields[0], "code")) {
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
    case 25:
      return { type: "released", object: string(fields[1], "object") };
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
