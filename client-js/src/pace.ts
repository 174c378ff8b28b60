// Pace: no more messages than the server takes from one user (protocol.md, section 9), so that none is refused for coming too fast.

/** What the page says where the server's welcome does not. */
const per_s_default = 20;
const burst_default = 100;
/** Messages bunch up on their way, and the user's other devices send too: not all of the burst is used. */
const share = 0.8;

export class Pace {
  #spent = 0;
  #at_ms = Date.now();

  constructor(readonly limit: (name: "tells_per_s" | "tells_burst") => number | undefined) {}

  /** Whether one more may go now; it then counts. */
  take(): boolean {
    this.#recover();
    if (this.#spent + 1 > this.#burst()) return false;
    this.#spent++;
    return true;
  }

  /** Milliseconds until one more may go. */
  wait_ms(): number {
    this.#recover();
    return Math.max(0, Math.ceil(((this.#spent + 1 - this.#burst()) * 1000) / this.#perSecond()));
  }

  /** The server has refused one, and would take it after `retry_ms`. */
  refused(retry_ms: number): void {
    this.#recover();
    this.#spent = Math.max(this.#spent, this.#burst() - 1 + (retry_ms * this.#perSecond()) / 1000);
  }

  #recover(): void {
    const now_ms = Date.now();
    const passed_ms = Math.max(0, now_ms - this.#at_ms);
    this.#at_ms = now_ms;
    this.#spent = Math.max(0, this.#spent - (passed_ms * this.#perSecond()) / 1000);
  }

  #perSecond(): number {
    return this.limit("tells_per_s") ?? per_s_default;
  }

  #burst(): number {
    return Math.max(1, (this.limit("tells_burst") ?? burst_default) * share);
  }
}
