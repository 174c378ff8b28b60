// Heartbeat: notices a connection that has died without a word (protocol.md, section 2).

const silence_ms = 25_000;
const answer_ms = 10_000;

export class Heartbeat {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #heard_ms = Date.now();
  #isAsked = false;

  constructor(
    /** Send a ping: anything that arrives within 10 s is an answer. */
    readonly ping: () => void,
    /** Nothing came: the connection is dead. */
    readonly dead: () => void,
  ) {
    this.#wait(silence_ms);
  }

  /** Something arrived. */
  heard(): void {
    this.#heard_ms = Date.now();
    if (!this.#isAsked) return;
    this.#isAsked = false;
    this.#wait(silence_ms);
  }

  /** Asks at once: the machine may have slept, or changed networks. */
  check(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.ping();
    this.#wait(answer_ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** One timer, not one per message: it looks how long ago something was heard and waits for the rest. */
  #wait(delay_ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#rang(), delay_ms);
  }

  #rang(): void {
    if (this.#isAsked) return this.dead();
    const silent_ms = Date.now() - this.#heard_ms;
    if (silent_ms < silence_ms) this.#wait(silence_ms - silent_ms);
    else this.check();
  }
}
