// The server's clock, estimated from answers that carry it.

export class ServerClock {
  #offset_ms = 0;
  #trip_ms = Number.POSITIVE_INFINITY;

  /** Unix milliseconds on the server, as good as half of the shortest round trip so far. */
  now(): number {
    return Date.now() + this.#offset_ms;
  }

  /** A new connection: the machine's clock may have been set meanwhile. */
  restart(): void {
    this.#trip_ms = Number.POSITIVE_INFINITY;
  }

  /** The server said `time_ms` in answer to what was sent at `asked_ms`. */
  sample(time_ms: number, asked_ms: number): void {
    const now_ms = Date.now();
    const trip_ms = now_ms - asked_ms;
    if (trip_ms < 0 || trip_ms > this.#trip_ms) return;
    this.#trip_ms = trip_ms;
    this.#offset_ms = time_ms + trip_ms / 2 - now_ms;
  }
}
