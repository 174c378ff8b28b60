// MessagePack: encoder of the shortest forms, decoder bounded in depth. No extension types.

import type { Value } from "./values.ts";

/** What the bytes, or the value, are not: `code` is one of protocol.md's (`bad_value`, `too_deep`, `bad_message`). */
export class MalformedValue extends Error {
  constructor(
    readonly code: "bad_value" | "too_deep" | "bad_message",
    what: string,
  ) {
    super(what);
  }
}

/** Keys that could reach a prototype; neither written nor read. */
export const keysForbidden: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

const int64_min = -(2n ** 63n);
const uint64_max = 2n ** 64n - 1n;
const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The MessagePack of `value`: shortest headers, whole numbers as integers, other numbers as float 64,
 * undefined map entries left out, undefined array items as nil.
 * @param depth_max levels allowed (a scalar has one).
 * @param sorted maps in the order of their keys' bytes, as the canonical form wants.
 * @throws MalformedValue for NaN, infinities, functions, class instances, forbidden keys, integers beyond 64 bits, too many levels (cycles too).
 */
export function encode(value: unknown, depth_max = 16, sorted = false): Uint8Array {
  const writer = new Writer(sorted);
  writer.value(value, depth_max);
  return writer.taken();
}

class Writer {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #end = 0;

  constructor(readonly sorted: boolean) {}

  taken(): Uint8Array {
    return this.#bytes.slice(0, this.#end);
  }

  value(value: unknown, depth: number): void {
    if (depth < 1) throw new MalformedValue("too_deep", "the value has too many levels");
    if (value === null || value === undefined) this.#put(0xc0);
    else if (typeof value === "boolean") this.#put(value ? 0xc3 : 0xc2);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "bigint") this.#bigint(value);
    else if (typeof value === "string") this.#string(value);
    else if (value instanceof Uint8Array) this.#binary(value);
    else if (Array.isArray(value)) this.#array(value, depth);
    else this.#map(value, depth);
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value)) return this.#integer(value);
    if (!Number.isFinite(value)) throw new MalformedValue("bad_value", "a number is not finite");
    const at = this.#room(9);
    this.#view.setUint8(at, 0xcb);
    this.#view.setFloat64(at + 1, value);
  }

  #integer(value: number): void {
    if (value >= 0) {
      if (value < 0x80) this.#put(value);
      else if (value < 0x100) this.#header(0xcc, 1, value);
      else if (value < 0x10000) this.#header(0xcd, 2, value);
      else if (value < 0x100000000) this.#header(0xce, 4, value);
      else this.#wide(0xcf, BigInt(value));
    } else if (value >= -0x20) this.#put(value & 0xff);
    else if (value >= -0x80) this.#header(0xd0, 1, value & 0xff);
    else if (value >= -0x8000) this.#header(0xd1, 2, value & 0xffff);
    else if (value >= -0x80000000) this.#header(0xd2, 4, value >>> 0);
    else this.#wide(0xd3, BigInt(value));
  }

  #bigint(value: bigint): void {
    if (value < int64_min || value > uint64_max) throw new MalformedValue("bad_value", "an integer is beyond 64 bits");
    const number = Number(value);
    if (Number.isSafeInteger(number)) this.#integer(number);
    else this.#wide(value < 0n ? 0xd3 : 0xcf, value);
  }

  #wide(code: number, value: bigint): void {
    const at = this.#room(9);
    this.#view.setUint8(at, code);
    this.#view.setBigUint64(at + 1, BigInt.asUintN(64, value));
  }

  #string(value: string): void {
    const bytes = utf8Encoder.encode(value);
    if (bytes.length < 0x20) this.#put(0xa0 | bytes.length);
    else this.#sized(bytes.length, 0xd9, 0xda, 0xdb);
    this.#copy(bytes);
  }

  #binary(bytes: Uint8Array): void {
    this.#sized(bytes.length, 0xc4, 0xc5, 0xc6);
    this.#copy(bytes);
  }

  #array(items: readonly unknown[], depth: number): void {
    if (items.length < 0x10) this.#put(0x90 | items.length);
    else this.#sized(items.length, undefined, 0xdc, 0xdd);
    for (let index = 0; index < items.length; index++) this.value(items[index], depth - 1);
  }

  #map(value: unknown, depth: number): void {
    if (typeof value !== "object" || value === null || !isPlain(value)) {
      throw new MalformedValue("bad_value", "a value is neither plain data nor Uint8Array");
    }
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    if (this.sorted) entries.sort(([left], [right]) => compareUtf8(left, right));
    if (entries.length < 0x10) this.#put(0x80 | entries.length);
    else this.#sized(entries.length, undefined, 0xde, 0xdf);
    for (const [key, item] of entries) {
      if (keysForbidden.has(key)) throw new MalformedValue("bad_value", `the key ${key} is not allowed`);
      this.#string(key);
      this.value(item, depth - 1);
    }
  }

  #sized(length: number, code8: number | undefined, code16: number, code32: number): void {
    if (code8 !== undefined && length < 0x100) this.#header(code8, 1, length);
    else if (length < 0x10000) this.#header(code16, 2, length);
    else this.#header(code32, 4, length);
  }

  #header(code: number, width: 1 | 2 | 4, value: number): void {
    const at = this.#room(1 + width);
    this.#view.setUint8(at, code);
    if (width === 1) this.#view.setUint8(at + 1, value);
    else if (width === 2) this.#view.setUint16(at + 1, value);
    else this.#view.setUint32(at + 1, value);
  }

  #put(byte: number): void {
    const at = this.#room(1);
    this.#bytes[at] = byte;
  }

  #copy(bytes: Uint8Array): void {
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }

  #room(length: number): number {
    const at = this.#end;
    this.#end += length;
    if (this.#end > this.#bytes.length) {
      const wider = new Uint8Array(Math.max(this.#end, this.#bytes.length * 2));
      wider.set(this.#bytes.subarray(0, at));
      this.#bytes = wider;
      this.#view = new DataView(wider.buffer);
    }
    return at;
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // A plain object of another realm (an iframe) has a prototype whose own prototype is null.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Order of two strings by their UTF-8 bytes, which is the order of their code points. */
export function compareUtf8(left: string, right: string): number {
  const one = utf8Encoder.encode(left);
  const two = utf8Encoder.encode(right);
  const length = Math.min(one.length, two.length);
  for (let index = 0; index < length; index++) {
    const difference = (one[index] ?? 0) - (two[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return one.length - two.length;
}

/**
 * The one value in `bytes`, frozen. Integers beyond 2^53 are bigint, binary is a Uint8Array (a copy), maps are plain objects.
 * @throws MalformedValue when the bytes are not exactly one value that section 3 of protocol.md allows.
 */
export function decode(bytes: Uint8Array, depth_max = 16): Value {
  const reader = new Reader(bytes);
  const value = reader.value(depth_max);
  if (!reader.done()) throw new MalformedValue("bad_message", "bytes follow the value");
  return value;
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  done(): boolean {
    return this.#at === this.#bytes.length;
  }

  value(depth: number): Value {
    if (depth < 1) throw new MalformedValue("too_deep", "the value has too many levels");
    const code = this.#view.getUint8(this.#take(1));
    if (code < 0x80) return code;
    if (code < 0x90) return this.#map(code & 0x0f, depth);
    if (code < 0xa0) return this.#array(code & 0x0f, depth);
    if (code < 0xc0) return this.#string(code & 0x1f);
    if (code >= 0xe0) return code - 0x100;
    return this.#coded(code, depth);
  }

  #coded(code: number, depth: number): Value {
    switch (code) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#bytes.slice(...this.#span(this.#length(code - 0xc4)));
      case 0xca:
        return this.#finite(this.#view.getFloat32(this.#take(4)));
      case 0xcb:
        return this.#finite(this.#view.getFloat64(this.#take(8)));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#length(code - 0xcc);
      case 0xcf:
        return narrow(this.#view.getBigUint64(this.#take(8)));
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      case 0xd3:
        return narrow(this.#view.getBigInt64(this.#take(8)));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#string(this.#length(code - 0xd9));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#length(code - 0xdb), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#length(code - 0xdd), depth);
      case 0xc1:
        throw new MalformedValue("bad_message", "0xc1 is no type");
      default:
        throw new MalformedValue("bad_value", `type 0x${code.toString(16)} is not allowed`);
    }
  }

  /** An unsigned integer of 1, 2 or 4 bytes. */
  #length(power: number): number {
    if (power === 0) return this.#view.getUint8(this.#take(1));
    if (power === 1) return this.#view.getUint16(this.#take(2));
    return this.#view.getUint32(this.#take(4));
  }

  #finite(value: number): number {
    if (!Number.isFinite(value)) throw new MalformedValue("bad_value", "a number is not finite");
    return value;
  }

  #string(length: number): string {
    const [from, to] = this.#span(length);
    try {
      return utf8Decoder.decode(this.#bytes.subarray(from, to));
    } catch {
      throw new MalformedValue("bad_message", "a string is not UTF-8");
    }
  }

  #array(length: number, depth: number): Value {
    this.#enough(length);
    const items: Value[] = [];
    for (let index = 0; index < length; index++) items.push(this.value(depth - 1));
    return Object.freeze(items);
  }

  #map(length: number, depth: number): Value {
    this.#enough(length * 2);
    const map: Record<string, Value> = {};
    for (let index = 0; index < length; index++) {
      const key = this.value(1);
      if (typeof key !== "string") throw new MalformedValue("bad_value", "a key is not a string");
      if (keysForbidden.has(key)) throw new MalformedValue("bad_value", `the key ${key} is not allowed`);
      if (Object.hasOwn(map, key)) throw new MalformedValue("bad_value", `the key ${key} is there twice`);
      map[key] = this.value(depth - 1);
    }
    return Object.freeze(map);
  }

  /** A length that promises more than the bytes hold is refused before anything is made for it. */
  #enough(length: number): void {
    if (length > this.#bytes.length - this.#at) throw new MalformedValue("bad_message", "the bytes end too early");
  }

  #span(length: number): [number, number] {
    const from = this.#take(length);
    return [from, from + length];
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) throw new MalformedValue("bad_message", "the bytes end too early");
    this.#at = at + length;
    return at;
  }
}

/** An integer as a number if that is exact, else as bigint. */
export function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
