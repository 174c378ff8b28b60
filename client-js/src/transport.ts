// Transport: one session's way to a door of the server, as the line sees it; its siblings are websocket, stream, sse and poll.

/** The ways there are. */
export type TransportName = "websocket" | "stream" | "sse" | "poll";

/** What a transport tells. After `closed` it tells nothing more. */
export interface TransportListener {
  opened(): void;
  received(message: Uint8Array): void;
  /** `code` is WebSocket's close code; 1006 when there was none. */
  closed(code: number, reason: string): void;
}

/** One session's way, used once: listen, open, send, close. */
export interface Transport {
  /** Which way it is, once it has said something; undefined for one of the application's own. */
  readonly name?: TransportName | undefined;
  /** Who is told from now on. */
  listen(listener: TransportListener): void;
  open(): void;
  /** Messages that leave together, in this order. */
  send(messages: readonly Uint8Array[]): void;
  /** Ends it; `closed` is not told. What was sent before a 1000 still leaves. */
  close(code: number): void;
}

/** Makes the transport of one attempt to connect: to the objects' address or to the relay's, with the subprotocol that is spoken there. */
export type TransportFactory = (url: string, subprotocol: string) => Transport;
