// Upstream: what a session over HTTP sends, one numbered batch at a time (protocol.md, section 14).

import { framed } from "./frames.ts";
import type { Requests } from "./requests.ts";

/** A batch is not larger, unless one message is. */
const batch_bytes_max = 65_536;
/** The server answers within 10 s. */
const answer_ms_max = 15_000;
/** Between two tries at first; it doubles. */
const pause_ms = 250;
/** The longest that is waited where the server says how long. */
const retry_ms_max = 5000;
/** A batch that has not got through by then shows that the session is lost. */
const tries_max = 5;

/** Why a batch is given up, as a close code. */
type Refusal = number;

export class Upstream {
  #waiting: Uint8Array[] = [];
  #session: string | undefined;
  #isRunning = false;
  #isOver = false;
  #idle: (() => void) | undefined;
  /** Batch 1 has opened the session. */
  #number = 1;

  constructor(
    readonly requests: Requests,
    readonly contentType: string,
    /** Nothing more will leave. */
    readonly refused: (code: Refusal) => void,
  ) {}

  /** The session is open: what waits may leave. */
  start(session: string): void {
    this.#session = session;
    void this.#run();
  }

  /** What gathers while a batch is on its way leaves in the next. */
  push(messages: readonly Uint8Array[]): void {
    if (this.#isOver) return this.refused(1006);
    this.#waiting.push(...messages);
    void this.#run();
  }

  /** Settles when all has left that was pushed. */
  async drained(): Promise<void> {
    if (!this.#isRunning) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  stop(): void {
    this.#isOver = true;
    this.#waiting = [];
  }

  async #run(): Promise<void> {
    const session = this.#session;
    if (session === undefined || this.#isRunning) return;
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const refusal = await this.#deliver(session, ++this.#number, framed(this.#batch()));
      if (refusal === undefined) continue;
      this.stop();
      this.refused(refusal);
    }
    this.#isRunning = false;
    this.#idle?.();
  }

  #batch(): Uint8Array[] {
    let bytes = 0;
    const beyond = this.#waiting.findIndex((message) => {
      bytes += 4 + message.length;
      return bytes > batch_bytes_max;
    });
    return this.#waiting.splice(0, beyond < 0 ? this.#waiting.length : Math.max(1, beyond));
  }

  /** The same number each time: a batch whose answer was lost has no second effect. */
  async #deliver(session: string, number: number, body: Uint8Array<ArrayBuffer>): Promise<Refusal | undefined> {
    const headers = {
      "content-type": this.contentType,
      "slotcast-session": session,
      "slotcast-batch": String(number),
    };
    for (let tries = 1; !this.#isOver; ) {
      const [status, retry_s] = await this.requests
        .run("poll", { method: "POST", headers, body }, answer_ms_max, said)
        .catch(() => [undefined, 0] as const);
      if (status === 204) return undefined;
      const isPassing = status === undefined || status >= 500;
      if (!isPassing || tries === tries_max) return status === 413 ? 1009 : 1006;
      // Who sends faster than his budget waits, and has done nothing wrong.
      const pause = retry_s > 0 ? Math.min(retry_s * 1000, retry_ms_max) : pause_ms * 2 ** (tries++ - 1);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    return undefined;
  }
}

async function said({ status, headers }: Response): Promise<readonly [number, number]> {
  return [status, status === 503 ? Number(headers.get("retry-after") ?? 0) || 0 : 0];
}
