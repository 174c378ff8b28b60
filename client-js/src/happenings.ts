// Happenings: what the listeners of an object are told.

import type { Value } from "./values.ts";

/** `loading` until the first copy is there, `offline` while there is one and no connection. */
export type ObjectState = "loading" | "live" | "offline" | "released";

/** Somebody else (or the server: `by` is empty) changed the slot. */
export interface SlotChanged {
  readonly slot: string;
  /** What the slot shows now. */
  readonly value: Value;
  /** What it showed before; undefined: there was none. */
  readonly old: Value | undefined;
  readonly version: number;
  readonly by: string;
}

/** The slot is gone. */
export interface SlotDeleted {
  readonly slot: string;
  readonly value: undefined;
  readonly old: Value | undefined;
  readonly version: number;
  readonly by: string;
}

/** A write of this client is in the object, as everyone now sees it. */
export interface SlotSucceeded {
  readonly slot: string;
  readonly value: Value | undefined;
  readonly old: Value | undefined;
  readonly version: number;
}

/** A write of this client was not accepted. */
export interface SlotRejected {
  readonly slot: string;
  /** What the slot shows now: the winning value. */
  readonly value: Value | undefined;
  /** What this client had written over it. */
  readonly old: Value | undefined;
  readonly code: string;
  readonly what: string;
  readonly version: number;
}

/** All slots but status slots are gone: a `clear`, or the object died and was made anew. */
export interface Cleared {
  readonly version: number;
  readonly by: string;
}

/** A frame was applied. */
export interface Synced {
  /** The slots that it reached. */
  readonly slots: readonly string[];
  readonly version: number;
}

/** A part of a large object's snapshot has come. The copy is the one before until the last has, and then there is a `sync`. */
export interface Progressed {
  /** From 1. */
  readonly part: number;
  readonly parts: number;
}

/** Somebody's send, own ones included. */
export interface SendEvent {
  readonly name: string;
  readonly value: Value;
  readonly by: string;
  /** The version after which it happened. */
  readonly version: number;
}

/** What each event's listeners are handed. */
export interface Happenings {
  change: SlotChanged;
  delete: SlotDeleted;
  success: SlotSucceeded;
  reject: SlotRejected;
  clear: Cleared;
  progress: Progressed;
  sync: Synced;
  /** This client wrote to these slots and they show it already; once a tick. */
  local: { readonly slots: readonly string[] };
  state: ObjectState;
  send: SendEvent;
  [send: `send:${string}`]: SendEvent;
}
