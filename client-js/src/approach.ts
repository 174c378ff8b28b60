// Approach: how a line comes to a transport, and from one that works to a better one.

import { Attempt, type AttemptListener } from "./attempt.ts";
import type { Choice, NewTransport } from "./choice.ts";
import type { Identity } from "./identity.ts";
import type { TransportName } from "./transport.ts";

/** How long the next transport waits for the one before it; longer where they have got in each other's way. */
const patience_ms = 3000;
const patience_ms_max = 10_000;
/** For so long a `hello` that was given up may still come to the server. */
const stray_ms_max = 10_000;

export class Approach {
  #attempt: Attempt | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #strayUntil_ms = 0;
  #patience_ms = patience_ms;

  constructor(
    readonly choice: Choice,
    readonly identity: Identity,
    readonly listener: AttemptListener,
  ) {}

  get isUnderWay(): boolean {
    return this.#attempt !== undefined;
  }

  /** The session was ended by another one of this device. Gives whether that may have been one of this line's own attempts. */
  displaced(): boolean {
    if (this.isUnderWay) return true;
    if (Date.now() >= this.#strayUntil_ms) return false;
    this.#patience_ms = patience_ms_max;
    return true;
  }

  begin(): void {
    this.#try(this.choice.candidates());
  }

  /** Tries a better transport than the one that works, when it is time. */
  improve(name: TransportName | undefined): void {
    const better = this.choice.better(name);
    if (!better) return;
    this.#timer = setTimeout(() => {
      this.choice.trying();
      this.#try([better.newTransport]);
    }, better.in_ms);
  }

  /** There is nothing any more that could be improved. An attempt that is under way goes on. */
  rest(): void {
    clearTimeout(this.#timer);
  }

  stop(): void {
    this.rest();
    this.#attempt?.stop();
    this.#attempt = undefined;
  }

  #try(transports: readonly NewTransport[]): void {
    const attempt = new Attempt(transports, this.#patience_ms, this.identity, {
      ...this.listener,
      won: (...winner) => {
        this.#settle(attempt);
        this.listener.won(...winner);
      },
      lost: (...reason) => {
        this.#settle(attempt);
        this.listener.lost(...reason);
      },
    });
    this.#patience_ms = patience_ms;
    this.#attempt = attempt;
    attempt.start();
  }

  #settle({ hasStrays }: Attempt): void {
    this.#attempt = undefined;
    if (hasStrays) this.#strayUntil_ms = Date.now() + stray_ms_max;
  }
}
