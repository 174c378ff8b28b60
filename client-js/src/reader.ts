// Reader: the inbox from the wire to the listeners, each entry at most once. No sockets.

import type { CursorStore } from "./cursors.ts";
import { Emitter } from "./events.ts";
import type { InboxEvents } from "./inbox.ts";
import { Rejected } from "./rejected.ts";
import type { InboxMessage, RelayMessage } from "./relay-incoming.ts";
import { encodeRelay, type InboxCursor, type RelayRequest } from "./relay-protocol.ts";

/** An `ack` waits for others: 20 a second at the most are well within `messages_per_s`. */
const ack_ms = 50;
/** Entries of which half a window is full (`window_messages`): their `ack` leaves at once. */
const entries_max = 32;
/** A server that could not open the inbox is asked again. */
const again_ms = 5000;
/** What was read of so many users is said again after a cut. */
const reads_max = 32;

type Opened = Extract<RelayMessage, { type: "inbox" }>;

/** What it needs of the connection. */
export interface ReaderWire {
  post(message: Uint8Array): void;
  failed(code: string, what: string): void;
}

export class Reader {
  readonly events = new Emitter<InboxEvents>();

  readonly #wire: ReaderWire;
  readonly #newStore: () => CursorStore;
  #store: CursorStore | undefined;
  /** Everything up to here was handed to the listeners. */
  #cursor: InboxCursor | undefined;
  /** What has come and was not handed out: never more than the server's window. */
  #queue: InboxMessage[] = [];
  #phase: "away" | "asked" | "open" = "away";
  #isToOpen = false;
  #isWorking = false;
  /** The server has refused the cursor. */
  #isDoubted = false;
  #unacknowledged = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The newest `read` of each user, the oldest first. */
  readonly #reads = new Map<string, number>();

  /** `newStore` is asked when it is known who the user is. */
  constructor(wire: ReaderWire, newStore: () => CursorStore) {
    this.#wire = wire;
    this.#newStore = newStore;
  }

  /** A session has begun. */
  welcomed(): void {
    this.#isToOpen = true;
    this.listened();
  }

  /** What has not been handed out comes again. */
  cut(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#phase = "away";
    this.#isToOpen = false;
    this.#queue = [];
  }

  /** Somebody may be listening now. */
  listened(): void {
    // At the end of the tick, so that all listeners that a page adds in one go get everything.
    queueMicrotask(() => void this.#work());
  }

  /** Tells the server that the user has read what `user` wrote, up to `seq`. */
  read(user: string, seq: number): void {
    const read = Math.max(seq, this.#reads.get(user) ?? 0);
    this.#reads.delete(user);
    this.#reads.set(user, read);
    for (const oldest of this.#reads.keys()) if (this.#reads.size > reads_max) this.#reads.delete(oldest);
    if (this.#phase === "open") this.#post({ type: "read", user, seq: read });
  }

  received(message: InboxMessage | Opened): void {
    if (message.type === "inbox") return this.#opened(message);
    this.#queue.push(message);
    void this.#work();
  }

  /** The server has refused something on this connection that has no other name. */
  refused(code: string): void {
    if (this.#phase !== "asked") return;
    this.#phase = "away";
    if (new Rejected(code, "").retry) this.#timer = setTimeout(() => this.welcomed(), again_ms);
    else if (!this.#isDoubted) {
      // It knows of no such place. It remembers what this device has acknowledged.
      this.#isDoubted = true;
      this.welcomed();
    }
  }

  #opened({ epoch, from, to }: Opened): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#phase = "open";
    this.#isDoubted = false;
    this.#unacknowledged = 0;
    const { epoch: before, seq } = this.#cursor ?? { epoch, seq: 0 };
    if (!this.#cursor || before !== epoch || seq > to) this.#cursor = { epoch, seq: from };
    if (before !== epoch) this.#reads.clear();
    for (const [user, read] of this.#reads) this.#post({ type: "read", user, seq: read });
  }

  /** One at a time: the cursor must be kept before anyone is handed what it counts. */
  async #work(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    while (this.events.size > 0 && (this.#isToOpen || this.#queue.length > 0)) {
      if (this.#isToOpen) await this.#open();
      else await this.#handOut(this.#queue.splice(0));
    }
    this.#isWorking = false;
  }

  async #open(): Promise<void> {
    if (!this.#store) {
      this.#store = this.#newStore();
      this.#cursor = await this.#keeping(this.#store.load());
    }
    // It may have been cut while it waited.
    if (!this.#isToOpen) return;
    this.#isToOpen = false;
    this.#phase = "asked";
    this.#post({ type: "open", cursor: this.#isDoubted ? undefined : this.#cursor });
  }

  async #handOut(batch: readonly InboxMessage[]): Promise<void> {
    const have = this.#cursor?.seq ?? 0;
    const last = Math.max(have, ...batch.map((message) => (message.type === "missed" ? 0 : message.seq)));
    if (this.#cursor && last > have) {
      this.#cursor = { epoch: this.#cursor.epoch, seq: last };
      await this.#keeping(this.#store?.save(this.#cursor));
    }
    for (const message of batch) if (message.type === "missed" || isNews(message, have)) this.#tell(message);
    this.#unacknowledged += batch.filter(({ type }) => type !== "missed" && type !== "current").length;
    this.#acknowledgeSoon();
  }

  /** A store that fails costs the certainty over page loads, not the messages. */
  async #keeping<T>(kept: Promise<T> | undefined): Promise<T | undefined> {
    try {
      return await kept;
    } catch (error) {
      this.#wire.failed("fault", `the inbox's cursor is not kept: ${error instanceof Error ? error.message : error}`);
      return undefined;
    }
  }

  #tell(message: InboxMessage): void {
    switch (message.type) {
      case "message": {
        const { seq, from, id, body, time_ms: time, kind } = message;
        return this.events.emit("message", { seq, from, id, body, time, kind });
      }
      case "copy": {
        const { seq, to, id, body, time_ms: time, kind, at } = message;
        return this.events.emit("copy", { seq, to, id, body, time, kind, at });
      }
      case "receipt": {
        const { seq, user, delivered, read, time_ms: time } = message;
        return this.events.emit("receipt", { seq, user, delivered, read, time });
      }
      case "seen": {
        const { seq, user, read, time_ms: time } = message;
        return this.events.emit("seen", { seq, user, read, time });
      }
      case "current":
        return this.events.emit("current", { seq: message.seq });
      case "missed":
        return this.events.emit("missed", { to: message.to });
    }
  }

  // ---- acknowledging

  #acknowledgeSoon(): void {
    if (this.#phase !== "open" || this.#unacknowledged === 0) return;
    if (this.#unacknowledged >= entries_max) this.acknowledge();
    else this.#timer ??= setTimeout(() => this.acknowledge(), ack_ms);
  }

  /** Says at once what was handed out. */
  acknowledge(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const seq = this.#cursor?.seq ?? 0;
    if (this.#phase !== "open" || this.#unacknowledged === 0) return;
    this.#unacknowledged = 0;
    this.#post({ type: "ack", seq });
  }

  #post(request: RelayRequest): void {
    this.#wire.post(encodeRelay(request));
  }
}

/** `current` is told also where it moves nothing. */
function isNews(message: Exclude<InboxMessage, { type: "missed" }>, have: number): boolean {
  return message.seq > have || (message.type === "current" && message.seq === have);
}
