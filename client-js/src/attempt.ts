// Attempt: from opening to `welcome`. Transports one after the other, and beside each other where one is slow; the first that is let in wins.

import type { Identity } from "./identity.ts";
import { type LineMessage, lineMessage, messageFields, type Welcome } from "./line-incoming.ts";
import { MalformedValue } from "./msgpack.ts";
import type { Transport } from "./transport.ts";

/** From opening the last transport to `welcome`. */
const welcome_ms_max = 10_000;

/** How an attempt ends: by one of `won` and `lost`. */
export interface AttemptListener {
  /** The transport is the listener's from now on. `asked_ms`: when it said hello. */
  won(transport: Transport, welcome: Welcome, asked_ms: number): void;
  /** `code` is what the server closed with, or 1006. */
  lost(code: number, reason: string): void;
  /** The server has said something else. */
  told(message: LineMessage): void;
  /** There is no token to be had. */
  tokenless(error: unknown): void;
}

export class Attempt {
  /** When each transport that is under way has said hello. */
  readonly #running = new Map<Transport, number | undefined>();
  readonly #next: (() => Transport)[];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;
  /** A hello was given up that may still come to the server, where it would put an end to the session of a later one. */
  hasStrays = false;

  constructor(
    transports: readonly (() => Transport)[],
    /** A transport that is silent for so long is not given up, but the next one starts beside it. */
    readonly patience_ms: number,
    readonly identity: Identity,
    readonly listener: AttemptListener,
  ) {
    this.#next = [...transports];
  }

  start(): void {
    const transport = this.#next.shift()?.();
    if (!transport) return;
    this.#running.set(transport, undefined);
    clearTimeout(this.#timer);
    if (this.#next.length > 0) this.#timer = setTimeout(() => this.start(), this.patience_ms);
    else this.#timer = setTimeout(() => this.#lose(1006, "no welcome"), welcome_ms_max);
    transport.listen({
      opened: () => void this.#hello(transport),
      received: (bytes) => this.#received(transport, bytes),
      closed: (code, reason) => this.#closed(transport, code, reason),
    });
    transport.open();
  }

  /** Gives it up; nothing more is told. */
  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    for (const [transport, asked_ms] of this.#running) {
      this.hasStrays ||= asked_ms !== undefined;
      transport.close(4000);
    }
    this.#running.clear();
  }

  async #hello(transport: Transport): Promise<void> {
    try {
      const hello = await this.identity.hello();
      if (!this.#running.has(transport)) return;
      this.#running.set(transport, Date.now());
      transport.send([hello]);
    } catch (error) {
      if (this.#isOver) return;
      this.listener.tokenless(error);
      this.#lose(1006, "no token");
    }
  }

  #received(transport: Transport, bytes: Uint8Array): void {
    try {
      const message = lineMessage(messageFields(bytes));
      if (message?.type === "welcome") this.#win(transport, message);
      else if (message) this.listener.told(message);
    } catch (error) {
      if (!(error instanceof MalformedValue)) throw error;
      transport.close(4000);
      this.#closed(transport, 1006, error.message);
    }
  }

  #win(transport: Transport, welcome: Welcome): void {
    const asked_ms = this.#running.get(transport) ?? Date.now();
    this.#running.delete(transport);
    this.stop();
    this.listener.won(transport, welcome, asked_ms);
  }

  #closed(transport: Transport, code: number, reason: string): void {
    if (!this.#running.has(transport)) return;
    // A session was refused or has ended; another way in would not change the server's mind.
    if (isServersWord(code)) return this.#lose(code, reason);
    this.hasStrays ||= this.#running.get(transport) !== undefined;
    this.#running.delete(transport);
    if (this.#next.length > 0) this.start();
    else if (this.#running.size === 0) this.#lose(1006, reason);
  }

  #lose(code: number, reason: string): void {
    if (this.#isOver) return;
    this.stop();
    this.listener.lost(code, reason);
  }
}

/** 4408: the hello did not come to the server, so it is the way that is bad. */
function isServersWord(code: number): boolean {
  return code === 1001 || (code > 4000 && code !== 4408);
}
