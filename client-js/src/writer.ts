// Writer: the verbs. An object writes with them at once, a transaction when it is done.

import { MalformedValue } from "./msgpack.ts";
import { isSlotName } from "./names.ts";
import type { SlotOperation } from "./ops.ts";
import type { Operation } from "./protocol.ts";
import { Rejected } from "./rejected.ts";
import type { Item, Slot, SlotName } from "./typing.ts";
import { ownCopy, type Path } from "./values.ts";

/** How long a slot lives. */
export interface LifeOptions {
  /** Milliseconds until the server deletes the slot, counted from when it is set. */
  readonly ttl?: number | undefined;
  /** The server deletes the slot when this client's session ends; after a reconnect the client sets it again. */
  readonly tie?: boolean | undefined;
}

/** For `set`. */
export interface SetOptions extends LifeOptions {
  /** Write it even if the slot shows the same value already. */
  readonly force?: boolean | undefined;
}

/** For `append`. */
export interface AppendOptions {
  /** The newest so many items stay, 1 to 4096; left out: all. */
  readonly keep?: number | undefined;
  /** The server wraps the item: `{by, at, v, item}`; until it has, `v` is 0. */
  readonly stamp?: boolean | undefined;
}

/** An operation that was checked, and the bytes of its value. */
export interface Prepared {
  readonly operation: Operation;
  readonly bytes: number;
}

/** The verbs on slots. `R` is what each gives: a promise of the server's answer, or nothing yet. */
export abstract class Writer<T extends object, R> {
  /** Takes an operation; `prepare` throws Rejected for what the server would refuse. */
  protected abstract write(prepare: () => Prepared, force: boolean): R;

  /**
   * The slot becomes `value`; null and undefined delete it. Does nothing if the slot shows an equal value already,
   * unless `force`, `ttl` or `tie` is given.
   */
  set<K extends SlotName<T>>(slot: K, value: Slot<T, K> | null | undefined, options: SetOptions = {}): R {
    if (value === null || value === undefined) return this.delete(slot, options);
    const { ttl: ttl_ms, tie } = options;
    const force = options.force === true || ttl_ms !== undefined || tie === true;
    return this.write(() => prepared({ op: "set", slot, value: undefined, ttl_ms, tie }, value), force);
  }

  /** The slot goes. */
  delete(slot: SlotName<T>, options: { readonly force?: boolean | undefined } = {}): R {
    return this.write(() => prepared({ op: "delete", slot }), options.force === true);
  }

  /** Adds to a number; an absent slot counts as 0. Always goes through, whatever others add meanwhile. */
  add(slot: SlotName<T>, n: number | bigint): R {
    return this.write(() => prepared({ op: "add", slot, value: number(n) }, n), true);
  }

  /** Keeps the greater of what is there and `n`. */
  max(slot: SlotName<T>, n: number | bigint): R {
    return this.write(() => prepared({ op: "max", slot, value: number(n) }, n), true);
  }

  /** Keeps the smaller of what is there and `n`. */
  min(slot: SlotName<T>, n: number | bigint): R {
    return this.write(() => prepared({ op: "min", slot, value: number(n) }, n), true);
  }

  /** Sets the slot if it is absent; else rejected with `conflict`. */
  once<K extends SlotName<T>>(slot: K, value: Slot<T, K>, options: LifeOptions = {}): R {
    const { ttl: ttl_ms, tie } = options;
    return this.write(() => prepared({ op: "once", slot, value: undefined, ttl_ms, tie }, value), true);
  }

  /** Puts an item at the end of the slot's array. */
  append<K extends SlotName<T>>(slot: K, item: Item<Slot<T, K>>, options: AppendOptions = {}): R {
    const { keep, stamp } = options;
    return this.write(() => prepared({ op: "append", slot, value: undefined, keep, stamp }, item), true);
  }

  /** Sets the place at `path` inside the slot; null removes it. The server rejects what leads nowhere with `wrong_type`. */
  patch(slot: SlotName<T>, path: Path, value: unknown): R {
    return this.write(() => prepared({ op: "patch", slot, path: pathOf(path), value: undefined }, value ?? null), true);
  }
}

type Unvalued<O> = O extends { value: number | bigint }
  ? O
  : O extends { value: unknown }
    ? Omit<O, "value"> & { value: undefined }
    : O;

/** Checks names and numbers, and takes a frozen copy of the value: what the caller does to it later changes nothing. */
function prepared(operation: Unvalued<SlotOperation>, given?: unknown): Prepared {
  if (!isSlotName(operation.slot)) throw new Rejected("bad_name", `slot ${JSON.stringify(operation.slot)}`);
  if ("ttl_ms" in operation) whole("ttl", operation.ttl_ms, Number.MAX_SAFE_INTEGER);
  if ("keep" in operation) whole("keep", operation.keep, 4096);
  if (!("value" in operation)) return { operation, bytes: 0 };
  const { value, bytes } = checked(given);
  // The copy is of the type that the caller's verb asked for.
  return { operation: { ...operation, value } as SlotOperation, bytes };
}

/** The client's own copy of a value, and its bytes. Throws Rejected. */
export function checked(given: unknown): ReturnType<typeof ownCopy> {
  try {
    return ownCopy(given);
  } catch (error) {
    if (error instanceof MalformedValue) throw new Rejected(error.code, error.message);
    throw error;
  }
}

function whole(field: string, value: number | undefined, max: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 1 && value <= max)) return;
  throw new Rejected("bad_field", `${field} is no whole number from 1 to ${max}`);
}

function number(n: number | bigint): number | bigint {
  if (typeof n !== "number" && typeof n !== "bigint") throw new Rejected("bad_field", "value is no number");
  return n;
}

function pathOf(path: Path): Path {
  const isStep = (step: string | number) => typeof step === "string" || (Number.isSafeInteger(step) && step >= 0);
  if (path.length >= 1 && path.length <= 16 && path.every(isStep)) return [...path];
  throw new Rejected("bad_field", "path is not 1 to 16 strings and indices");
}
