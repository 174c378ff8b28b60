// Downstream: how messages come down within a session over HTTP; its siblings are stream, sse and poll.

import type { TransportName } from "./transport.ts";

/** Who hears what an answer says. */
export interface DownstreamListener {
  /** The way is open: what the server says comes through at once. */
  begun(): void;
  received(message: Uint8Array): void;
}

export interface Downstream {
  readonly name: Exclude<TransportName, "websocket">;
  /** Of the answers that it reads. */
  readonly contentType: string;
  /** An answer that has not begun by then is held up by something between here and the server. undefined: an answer that ends comes through anywhere. */
  readonly begin_ms_max: number | undefined;
  /** Takes the body of one answer in pieces, and tells the listener what they say. */
  reader(listener: DownstreamListener): (piece: Uint8Array) => void;
}
