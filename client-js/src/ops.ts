// Operations, applied to a local value: the same effects as the server's (protocol.md, section 4).

import { type Operation, value_depth_max } from "./protocol.ts";
import { depth, isArray, isNumber, patched, sum, Unfit, type Value } from "./values.ts";

/** What a stamp says until the server has filled it in. */
export interface Author {
  readonly user: string;
  /** The server's clock, Unix milliseconds. */
  readonly now_ms: number;
}

/** An operation on one slot; `clear` is on all. */
export type SlotOperation = Exclude<Operation, { op: "clear" }>;

/**
 * What the slot holds after `operation`; undefined: nothing.
 * @throws Unfit when the server would reject it.
 */
export function applied(held: Value | undefined, operation: SlotOperation, author: Author): Value | undefined {
  switch (operation.op) {
    case "set":
      return operation.value ?? undefined;
    case "delete":
      return undefined;
    case "add":
      return sum(held === undefined ? 0 : numberIn(held), operation.value);
    case "max":
      return held === undefined || numberIn(held) < operation.value ? operation.value : held;
    case "min":
      return held === undefined || numberIn(held) > operation.value ? operation.value : held;
    case "once":
      if (held !== undefined) throw new Unfit("conflict", "the slot is there");
      return operation.value ?? undefined;
    case "append":
      notTooDeep(operation.stamp ? 2 : 1, operation.value);
      return appended(
        held,
        [operation.stamp ? stamped(operation.value, author) : operation.value],
        operation.keep ?? 0,
      );
    case "patch":
      notTooDeep(operation.path.length, operation.value);
      return patched(held, operation.path, operation.value);
  }
}

/** `held` with `items` at its end, of which the newest `keep` stay (0: all). */
export function appended(held: Value | undefined, items: readonly Value[], keep: number): Value {
  if (held !== undefined && !isArray(held)) throw new Unfit("wrong_type", "the slot holds no array");
  const all = [...(held ?? []), ...items];
  return Object.freeze(keep > 0 && all.length > keep ? all.slice(-keep) : all);
}

/** Inside `levels` of a slot the value must still fit. */
function notTooDeep(levels: number, value: Value): void {
  if (levels + depth(value) > value_depth_max) throw new Unfit("too_deep", "the slot would have too many levels");
}

/** The version is not known before the server's answer: 0. */
function stamped(item: Value, author: Author): Value {
  return Object.freeze({ by: author.user, at: author.now_ms, v: 0, item });
}

function numberIn(held: Value): number | bigint {
  if (!isNumber(held)) throw new Unfit("wrong_type", "the slot holds no number");
  return held;
}
