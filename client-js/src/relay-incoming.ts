// The messages of `slotcast.relay.v1.msgpack` (protocol.md, sections 10 to 12): what this client reads.

import { array, boolean, number, optional, optionalString, string, wide, wrong } from "./fields.ts";
import type { Sub } from "./roster-form.ts";
import type { Value } from "./values.ts";

/** Something in the user's inbox, by the order in which it came there. */
export type InboxEntry =
  | {
      readonly type: "message";
      readonly seq: number;
      readonly from: string;
      readonly id: number;
      readonly body: Value;
      readonly time_ms: number;
      readonly kind: string | undefined;
    }
  | {
      readonly type: "copy";
      readonly seq: number;
      readonly to: string;
      readonly id: number;
      readonly body: Value;
      readonly time_ms: number;
      readonly kind: string | undefined;
      readonly at: number;
    }
  | {
      readonly type: "receipt";
      readonly seq: number;
      readonly user: string;
      readonly delivered: number;
      readonly read: number;
      readonly time_ms: number;
    }
  | {
      readonly type: "seen";
      readonly seq: number;
      readonly user: string;
      readonly read: number;
      readonly time_ms: number;
    };

/** What comes in the order of the inbox, entries and words about them. */
export type InboxMessage =
  | InboxEntry
  | { readonly type: "current"; readonly seq: number }
  | { readonly type: "missed"; readonly to: number };

/** The answer to a `tell` or an `edit`. */
export interface Refused {
  readonly type: "refused";
  readonly id: number | undefined;
  readonly code: string;
  readonly what: string;
  readonly retry_ms: number | undefined;
}

/** What a user's lists say of another. `sub` undefined: not on the friend list. */
export interface PersonRecord {
  readonly user: string;
  readonly sub: Sub | undefined;
  readonly asked: boolean;
  readonly approved: boolean;
  readonly alias: string | undefined;
  readonly groups: readonly string[];
  readonly blocked: boolean;
  readonly asks: boolean;
}

/** The whole list, or what was touched after the rev `from`. Revs may be beyond 2^53. */
export interface Roster {
  readonly type: "roster";
  readonly tag: string;
  readonly blocks_tag: string;
  readonly from: number | bigint | undefined;
  readonly people: readonly PersonRecord[];
}

/** How a user is. */
export type State = "online" | "away" | "busy" | "invisible" | "offline";

/** One of a `presence`. */
export interface StatusRecord {
  readonly user: string;
  readonly state: State;
  readonly body: Value;
  readonly since_ms: number | undefined;
}

/** A message from the server about people. */
export type RelayMessage =
  | { readonly type: "inbox"; readonly epoch: number; readonly from: number; readonly to: number }
  | InboxMessage
  | {
      readonly type: "stored";
      readonly id: number;
      readonly at: number;
      readonly time_ms: number;
      readonly class: string;
    }
  | Refused
  | { readonly type: "signal"; readonly from: string; readonly kind: string; readonly body: Value }
  | Roster
  | { readonly type: "edited"; readonly id: number; readonly rev: number | bigint }
  | { readonly type: "stale"; readonly full: boolean }
  | { readonly type: "presence"; readonly people: readonly StatusRecord[] };

/**
 * The message with these fields, its code first; undefined if its type is not known (a newer server's).
 * @throws MalformedValue when they are no message.
 */
export function relayMessage(fields: readonly Value[]): RelayMessage | undefined {
  const [code] = fields;
  switch (number(code, "code")) {
    case 48:
      return {
        type: "inbox",
        epoch: number(fields[1], "epoch"),
        from: number(fields[2], "from"),
        to: number(fields[3], "to"),
      };
    case 49:
      return {
        type: "message",
        seq: number(fields[1], "seq"),
        from: string(fields[2], "from"),
        id: number(fields[3], "id"),
        body: fields[4] ?? null,
        time_ms: number(fields[5], "time_ms"),
        kind: optionalString(fields[6], "kind"),
      };
    case 50:
      return {
        type: "copy",
        seq: number(fields[1], "seq"),
        to: string(fields[2], "to"),
        id: number(fields[3], "id"),
        body: fields[4] ?? null,
        time_ms: number(fields[5], "time_ms"),
        kind: optionalString(fields[6], "kind"),
        at: number(fields[7], "at"),
      };
    case 51:
      return {
        type: "receipt",
        seq: number(fields[1], "seq"),
        user: string(fields[2], "user"),
        delivered: number(fields[3], "delivered"),
        read: number(fields[4], "read"),
        time_ms: number(fields[5], "time_ms"),
      };
    case 52:
      return {
        type: "seen",
        seq: number(fields[1], "seq"),
        user: string(fields[2], "user"),
        read: number(fields[3], "read"),
        time_ms: number(fields[4], "time_ms"),
      };
    case 53:
      return { type: "current", seq: number(fields[1], "seq") };
    case 54:
      return { type: "missed", to: number(fields[1], "to") };
    case 55:
      return {
        type: "stored",
        id: number(fields[1], "id"),
        at: number(fields[2], "at"),
        time_ms: number(fields[3], "time_ms"),
        class: string(fields[4], "class"),
      };
    case 56:
      return {
        type: "refused",
        id: optional(fields[1], "id"),
        code: string(fields[2], "code"),
        what: string(fields[3], "what"),
        retry_ms: optional(fields[4], "retry_ms"),
      };
    case 57:
      return {
        type: "signal",
        from: string(fields[1], "from"),
        kind: string(fields[2], "kind"),
        body: fields[3] ?? null,
      };
    case 58:
      return {
        type: "roster",
        tag: string(fields[1], "tag"),
        blocks_tag: string(fields[2], "blocks_tag"),
        from: fields[3] == null ? undefined : wide(fields[3], "from"),
        people: array(fields[4], "people").map(personRecord),
      };
    case 59:
      return { type: "edited", id: number(fields[1], "id"), rev: wide(fields[2], "rev") };
    case 60:
      return { type: "stale", full: boolean(fields[1] ?? false, "full") };
    case 61:
      return { type: "presence", people: array(fields[1], "people").map(statusRecord) };
    default:
      return undefined;
  }
}

function personRecord(item: Value): PersonRecord {
  const fields = array(item, "person");
  return {
    user: string(fields[0], "user"),
    sub: fields[1] == null ? undefined : sub(fields[1]),
    asked: boolean(fields[2] ?? false, "asked"),
    approved: boolean(fields[3] ?? false, "approved"),
    alias: optionalString(fields[4], "alias"),
    groups: Object.freeze(array(fields[5] ?? [], "groups").map((group) => string(group, "group"))),
    blocked: boolean(fields[6] ?? false, "blocked"),
    asks: boolean(fields[7] ?? false, "asks"),
  };
}

function statusRecord(item: Value): StatusRecord {
  const fields = array(item, "status");
  return {
    user: string(fields[0], "user"),
    state: state(fields[1]),
    body: fields[2] ?? null,
    since_ms: optional(fields[3], "since_ms"),
  };
}

function sub(value: Value): Sub {
  switch (value) {
    case "none":
    case "to":
    case "from":
    case "both":
      return value;
    default:
      throw wrong("sub");
  }
}

function state(value: Value | undefined): State {
  switch (value) {
    case "online":
    case "away":
    case "busy":
    case "invisible":
    case "offline":
      return value;
    default:
      throw wrong("state");
  }
}
