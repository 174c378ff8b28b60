// Values: what a slot can hold, when two are equal, and how a place inside one is changed.

import { decode, encode, narrow } from "./msgpack.ts";

/** What a slot or a send can hold. null as the whole of a slot means: no such slot. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [key: string]: Value };

/** The way to a place inside a slot: strings are map keys, whole numbers array indices. 1 to 16 of them. */
export type Path = readonly (string | number)[];

/** An operation does not fit what the slot holds, or overflows. */
export class Unfit extends Error {
  constructor(
    readonly code: "wrong_type" | "bad_value" | "too_deep" | "conflict",
    what: string,
  ) {
    super(what);
  }
}

/**
 * A frozen copy of `value`, exactly as the server and the others will see it, and its size.
 * @throws MalformedValue when it is not a value.
 */
export function ownCopy(value: unknown): { value: Value; bytes: number } {
  const bytes = encode(value);
  return { value: decode(bytes), bytes: bytes.length };
}

/** Whether two values of the codec are the same, at any depth. */
export function sameValue(left: Value | undefined, right: Value | undefined): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (left instanceof Uint8Array || right instanceof Uint8Array) {
    return left instanceof Uint8Array && right instanceof Uint8Array && sameBytes(left, right);
  }
  if (isArray(left) || isArray(right)) {
    return (
      isArray(left) &&
      isArray(right) &&
      left.length === right.length &&
      left.every((item, at) => sameValue(item, right[at]))
    );
  }
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && sameValue(left[key], right[key]))
  );
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}

/** Whether `value` is a number of either kind. */
export function isNumber(value: Value | undefined): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

/** Array.isArray that knows readonly arrays. */
export function isArray(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

function isMap(value: Value | undefined): value is { readonly [key: string]: Value } {
  return typeof value === "object" && value !== null && !isArray(value) && !(value instanceof Uint8Array);
}

/**
 * `whole` with the place at `path` set to `value`, or removed with null. What is not on the way is shared, nothing is changed in place.
 * @throws Unfit (`wrong_type`) when the path does not lead there.
 */
export function patched(whole: Value | undefined, path: Path, value: Value): Value {
  const [step, ...rest] = path;
  if (typeof step === "string" && isMap(whole)) return patchedMap(whole, step, rest, value);
  if (typeof step === "number" && isArray(whole)) return patchedArray(whole, step, rest, value);
  throw new Unfit("wrong_type", "the path does not lead there");
}

function patchedMap(map: { readonly [key: string]: Value }, key: string, rest: Path, value: Value): Value {
  const present = Object.hasOwn(map, key);
  if (rest.length > 0) {
    if (!present) throw new Unfit("wrong_type", "the path does not lead there");
    return Object.freeze({ ...map, [key]: patched(map[key], rest, value) });
  }
  if (value !== null) return Object.freeze({ ...map, [key]: value });
  if (!present) return map;
  const { [key]: _removed, ...others } = map;
  return Object.freeze(others);
}

function patchedArray(items: readonly Value[], index: number, rest: Path, value: Value): Value {
  const present = index >= 0 && index < items.length;
  if (rest.length > 0) {
    if (!present) throw new Unfit("wrong_type", "the path does not lead there");
    return Object.freeze(items.with(index, patched(items[index], rest, value)));
  }
  if (value === null) return present ? Object.freeze(items.toSpliced(index, 1)) : items;
  if (index === items.length) return Object.freeze([...items, value]);
  if (!present) throw new Unfit("wrong_type", "the index is past the end");
  return Object.freeze(items.with(index, value));
}

/** How many levels a value has; a scalar has one. */
export function depth(value: Value): number {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return 1;
  return Object.values(value).reduce<number>((deepest, item) => Math.max(deepest, 1 + depth(item)), 1);
}

const int64_min = -(2n ** 63n);
const uint64_max = 2n ** 64n - 1n;

/**
 * The sum: of integers an integer, else a float.
 * @throws Unfit (`bad_value`) when it does not fit into 64 bits or is not finite.
 */
export function sum(left: number | bigint, right: number | bigint): number | bigint {
  if (isWhole(left) && isWhole(right)) {
    const total = BigInt(left) + BigInt(right);
    if (total < int64_min || total > uint64_max) throw new Unfit("bad_value", "the sum is beyond 64 bits");
    return narrow(total);
  }
  const total = Number(left) + Number(right);
  if (!Number.isFinite(total)) throw new Unfit("bad_value", "the sum is not finite");
  return total;
}

/** Whether it travels as an integer: beyond 2^53 only a bigint does. */
function isWhole(value: number | bigint): boolean {
  return typeof value === "bigint" || Number.isSafeInteger(value);
}
