// Renewal: a session whose token ends is given a new one in time (protocol.md, section 16).

/** The part of the token's time after which the next one is asked for, and how long before the end at the latest. */
const part = 0.8;
const ahead_ms = 5000;
/** The longest that a timer can wait. */
const timer_ms_max = 2 ** 31 - 1;

export class Renewal {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #expires_ms = 0;

  constructor(
    /** Asks for a new token and says it to the server. */
    readonly renew: () => void,
  ) {}

  /** The token is good from `now_ms` to `expires_ms`, by the server's clock; undefined: for ever. */
  begin(now_ms: number, expires_ms: number | undefined): void {
    this.stop();
    if (expires_ms === undefined) return;
    // One that ends no later is the old one: whoever gives tokens out keeps them for longer.
    if (expires_ms <= this.#expires_ms) return this.again(now_ms);
    this.#expires_ms = expires_ms;
    const rest_ms = expires_ms - now_ms;
    this.#wait(Math.min(rest_ms * part, rest_ms - ahead_ms));
  }

  /** There was no new token to be had: once more when half of the time that is left has passed, if that is worth it. */
  again(now_ms: number): void {
    const rest_ms = this.#expires_ms - now_ms;
    if (rest_ms > ahead_ms) this.#wait(rest_ms / 2);
  }

  /** The session is over; the next one begins with a token of its own. */
  end(): void {
    this.stop();
    this.#expires_ms = 0;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(delay_ms: number): void {
    this.#timer = setTimeout(this.renew, Math.min(Math.max(0, delay_ms), timer_ms_max));
  }
}
