// Fields: what the items of a message's array must be.

import { MalformedValue } from "./msgpack.ts";
import { isArray, type Value } from "./values.ts";

export function array(value: Value | undefined, field: string): readonly Value[] {
  if (!isArray(value)) throw wrong(field);
  return value;
}

export function string(value: Value | undefined, field: string): string {
  if (typeof value !== "string") throw wrong(field);
  return value;
}

export function optionalString(value: Value | undefined, field: string): string | undefined {
  return value == null ? undefined : string(value, field);
}

/** Numbers of the protocol are unsigned and below 2^53. */
export function number(value: Value | undefined, field: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw wrong(field);
  return value;
}

/** Unsigned and of 64 bits: a rev. */
export function wide(value: Value | undefined, field: string): number | bigint {
  return typeof value === "bigint" && value >= 0n ? value : number(value, field);
}

export function optional(value: Value | undefined, field: string): number | undefined {
  return value == null ? undefined : number(value, field);
}

export function boolean(value: Value | undefined, field: string): boolean {
  if (typeof value !== "boolean") throw wrong(field);
  return value;
}

/** A map of names to numbers. */
export function numbers(value: Value | undefined, field: string): Readonly<Record<string, number>> {
  if (typeof value !== "object" || value === null || isArray(value) || value instanceof Uint8Array) throw wrong(field);
  return Object.fromEntries(Object.entries(value).map(([name, limit]) => [name, number(limit, name)]));
}

export function wrong(field: string): MalformedValue {
  return new MalformedValue("bad_message", `${field} is missing or has the wrong shape`);
}
