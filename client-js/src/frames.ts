// Frames: messages in the body of a request or an answer, each behind its length (protocol.md, section 14).

import { joined, sized } from "./bytes.ts";

/** The body that carries the messages. */
export function framed(messages: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return joined(messages.flatMap(sized));
}

/** Takes a body in pieces of any size. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array();

  /** The messages that `piece` completes; an empty one says nothing but that the way is open. */
  *read(piece: Uint8Array): Generator<Uint8Array> {
    let rest = joined([this.#rest, piece]);
    while (rest.length >= 4) {
      const end = 4 + new DataView(rest.buffer, rest.byteOffset).getUint32(0);
      if (rest.length < end) break;
      yield rest.slice(4, end);
      rest = rest.subarray(end);
    }
    this.#rest = rest;
  }
}
