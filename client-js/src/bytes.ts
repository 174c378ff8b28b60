// Bytes: what canonical forms are made of.

/** Bytes with their number before them, as 32 bits. */
export function sized(bytes: Uint8Array): Uint8Array[] {
  return [u32(bytes.length), bytes];
}

/** Four bytes, the highest first. */
export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** One behind the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
