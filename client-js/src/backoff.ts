// Back-off: when to try again (protocol.md, section 6).

const base_ms = 500;
const cap_ms = 30_000;
/** A connection that held for so long was good: the next cut starts over. */
const healthy_ms = 60_000;

export class Backoff {
  #attempt = 0;
  #retry_ms: number | undefined;

  /** The server said when to come back; it holds for the next time only. */
  goaway(retry_ms: number): void {
    this.#retry_ms = retry_ms;
  }

  /** Milliseconds to wait after a connection that was good for `lived_ms` (0: it never was). */
  next(lived_ms: number, random = Math.random()): number {
    const retry_ms = this.#retry_ms;
    this.#retry_ms = undefined;
    if (lived_ms >= healthy_ms) this.#attempt = 0;
    const ceiling_ms = Math.min(cap_ms, base_ms * 2 ** this.#attempt++);
    // A planned restart sends all clients away at once: they come back spread over half of the time given.
    return retry_ms === undefined ? random * ceiling_ms : retry_ms * (0.5 + random / 2);
  }
}
