// WebSocketTransport: a WebSocket with binary frames (protocol.md, section 2).

import type { Transport, TransportListener } from "./transport.ts";

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

export class WebSocketTransport implements Transport {
  readonly name = "websocket";
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
    let isOpen = false;
    socket.onopen = () => {
      isOpen = true;
      this.#listener?.opened();
    };
    socket.onmessage = ({ data }: { data: unknown }) => {
      // A text frame has no place in the binary subprotocol; empty bytes are refused as no message.
      this.#listener?.received(data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array());
    };
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => this.#closed(code, reason);
    // A close event follows and says more; but not in Node 20, if the handshake was refused.
    socket.onerror = () => void (isOpen || setTimeout(() => this.#closed(1006, ""), 0));
    this.#socket = socket;
  }

  send(messages: readonly Uint8Array[]): void {
    for (const message of messages) this.#socket?.send(message as Uint8Array<ArrayBuffer>);
  }

  close(code: number): void {
    this.#listener = undefined;
    this.#socket?.close(code);
  }

  #closed(code: number, reason: string): void {
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.closed(code, reason);
  }
}
