// Fingerprint: MD5 over the canonical form of an object's slots (protocol.md, section 7).

import { joined, sized, u32 } from "./bytes.ts";
import { md5 } from "./md5.ts";
import { compareUtf8, encode } from "./msgpack.ts";
import type { Value } from "./values.ts";

const utf8 = new TextEncoder();
const domain = "slotcast-object/1\0";
/** Up to here (both ends) a float that is whole is written as an integer. */
const whole_max = 2 ** 53;

/** The fingerprint of these slots: 32 hex digits. Their order does not matter. */
export function fingerprint(slots: Iterable<readonly [string, Value]>): string {
  return md5(canonical(slots));
}

/** The bytes under the fingerprint. */
export function canonical(slots: Iterable<readonly [string, Value]>): Uint8Array {
  const records = [...slots].sort(([left], [right]) => compareUtf8(left, right));
  const parts = [utf8.encode(domain), u32(records.length)];
  for (const [slot, value] of records) {
    parts.push(...sized(utf8.encode(slot)), ...sized(encode(wholes(value), 16, true)));
  }
  return joined(parts);
}

/** The codec writes whole floats up to 2^53 - 1 as integers already; this does it for the two ends. */
function wholes(value: Value): Value {
  if (typeof value === "number") return Math.abs(value) === whole_max ? BigInt(value) : value;
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(wholes);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, wholes(item)]));
}
