// Types of slots: how `object<{ topic: string; log: Entry[] }>` types reads, writes and events.

import type {
  Cleared,
  ObjectState,
  Progressed,
  SendEvent,
  SlotChanged,
  SlotDeleted,
  SlotRejected,
  SlotSucceeded,
  Synced,
} from "./happenings.ts";
import type { Value } from "./values.ts";

/** A name of a slot: one of `T`'s, or any status slot. */
export type SlotName<T extends object> = (keyof T & string) | `@${string}`;

/** What the slot `K` holds. */
export type Slot<T extends object, K> = K extends keyof T ? T[K] : Value;

/** What is appended to a slot that holds an array; for stamped ones what is inside the stamp. */
export type Item<V> = V extends readonly (infer E)[]
  ? E extends { readonly by: string; readonly at: number; readonly v: number; readonly item: infer I }
    ? E | I
    : E
  : never;

type Typed<T extends object, Event extends { slot: string; value: unknown; old: unknown }> = {
  [K in SlotName<T>]: Omit<Event, "slot" | "value" | "old"> & {
    readonly slot: K;
    readonly value: undefined extends Event["value"]
      ? Event["value"] extends undefined
        ? undefined
        : Slot<T, K> | undefined
      : Slot<T, K>;
    readonly old: Slot<T, K> | undefined;
  };
}[SlotName<T>];

/** What each event's listeners are handed, with the slots' types. */
export interface ObjectEvents<T extends object> {
  /** Somebody else changed a slot. */
  change: Typed<T, SlotChanged>;
  /** A slot is gone, and this client did not do it. */
  delete: Typed<T, SlotDeleted>;
  /** A write of this client is in the object. */
  success: Typed<T, SlotSucceeded>;
  /** A write of this client was not accepted; `value` is the winning one. */
  reject: Typed<T, SlotRejected>;
  clear: Cleared;
  /** A large object is on its way: so many of its parts have come. */
  progress: Progressed;
  sync: Synced;
  local: { readonly slots: readonly string[] };
  state: ObjectState;
  send: SendEvent;
  [send: `send:${string}`]: SendEvent;
}
