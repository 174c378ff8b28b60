// Transport: one socket, as the connection sees it, and the WebSocket one.

/** What a transport tells. After `closed` it tells nothing more. */
export interface TransportListener {
  opened(): void;
  received(message: Uint8Array): void;
  /** `code` is WebSocket's close code; 1006 when there was none. */
  closed(code: number, reason: string): void;
}

/** One socket, used once: listen, open, send, close. */
export interface Transport {
  listen(listener: TransportListener): void;
  open(): void;
  /** Messages that leave together, in this order. */
  send(messages: readonly Uint8Array[]): void;
  /** Ends it at once; `closed` is not told. */
  close(code: number): void;
}

/** Makes the transport of one attempt to connect: to the objects' address or to the relay's, with the subprotocol that is spoken there. */
export type TransportFactory = (url: string, subprotocol: string) => Transport;

/** The part of a WebSocket class that is needed: a browser's, Node's, or the `ws` package's. */
export interface WebSocketClass {
  new (url: string, protocols: string[]): WebSocketLike;
}

/** See {@link WebSocketClass}. */
export interface WebSocketLike {
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number): void;
}

/** A WebSocket with binary frames. */
export class WebSocketTransport implements Transport {
  #socket: WebSocketLike | undefined;
  #listener: TransportListener | undefined;

  constructor(
    readonly url: string,
    readonly subprotocol: string,
    readonly webSocketClass: WebSocketClass,
  ) {}

  listen(listener: TransportListener): void {
    this.#listener = listener;
  }

  open(): void {
    const socket = new this.webSocketClass(this.url, [this.subprotocol]);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#listener?.opened();
    socket.onmessage = ({ data }: { data: unknown }) => {
      // A text frame has no place in the binary subprotocol; empty bytes are refused as no message.
      this.#listener?.received(data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array());
    };
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      const listener = this.#listener;
      this.#listener = undefined;
      listener?.closed(code, reason);
    };
    // A close event follows every error and says more.
    socket.onerror = () => {};
    this.#socket = socket;
  }

  send(messages: readonly Uint8Array[]): void {
    for (const message of messages) this.#socket?.send(message as Uint8Array<ArrayBuffer>);
  }

  close(code: number): void {
    this.#listener = undefined;
    this.#socket?.close(code);
  }
}
