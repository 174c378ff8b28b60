// Errands: messages to others and edits of the own lists, from the call to the server's answer, in order. No sockets, no timers.

import { waiting_bytes_max, waiting_max } from "./outbox.ts";
import type { Pace } from "./pace.ts";
import { Rejected } from "./rejected.ts";
import type { Refused, RelayMessage } from "./relay-incoming.ts";
import { type Edit, encodeRelay } from "./relay-protocol.ts";
import type { Value } from "./values.ts";

/** What the server is asked for, but for its id. */
export type Draft =
  | { readonly type: "tell"; readonly to: string; readonly body: Value; readonly kind: string | undefined }
  | ({ readonly type: "edit" } & Edit);

/** That it is done. */
export type Done = Extract<RelayMessage, { type: "stored" | "edited" }>;

/** One of them. Exactly one of `done` and `failed` is called, once. */
export interface Errand {
  readonly draft: Draft;
  /** Of its values. */
  readonly bytes: number;
  readonly done: (answer: Done) => unknown;
  readonly failed: (rejected: Rejected) => void;
}

/** One that was sent. A repetition has the same id. */
interface Begun {
  readonly errand: Errand;
  /** How many tells had begun before it. */
  readonly place: number;
  isOnWire: boolean;
}

/** What errands need of the connection. */
export interface ErrandWire {
  limit(name: "message_bytes" | "inflight"): number;
  /** The tag of the present copy of the friend list. */
  tag(): string | undefined;
  post(message: Uint8Array): void;
}

export class Errands {
  #waiting: Errand[] = [];
  /** By id, so the oldest first. */
  readonly #begun = new Map<number, Begun>();
  #id = 0;
  #tells = 0;

  constructor(
    readonly wire: ErrandWire,
    readonly pace: Pace,
  ) {}

  /** Takes one in, behind all others. Refuses it with `queue_full` if too many wait. */
  push(errand: Errand): void {
    const bytes = this.#waiting.reduce((sum, { bytes }) => sum + bytes, errand.bytes);
    if (this.#waiting.length < waiting_max && bytes <= waiting_bytes_max) this.#waiting.push(errand);
    else errand.failed(new Rejected("queue_full", `${this.#waiting.length} messages wait for the server`));
  }

  /**
   * A session has begun. Ids go on from the server's clock, so that they rise over page loads too for a device that keeps its name, with nothing
   * to be stored; not from the machine's clock, which can be set back: then a new message would be taken for an old one.
   */
  welcomed(server_ms: number): void {
    this.#id = Math.max(this.#id, Math.floor(server_ms) * 1000);
  }

  cut(): void {
    for (const begun of this.#begun.values()) begun.isOnWire = false;
  }

  /** Posts what may go: first what was sent before and has no answer, with its id. */
  pump(): void {
    for (const [id, begun] of this.#begun) {
      if (begun.isOnWire) continue;
      if (!this.pace.take()) return;
      this.#send(id, begun);
    }
    for (let errand = this.#waiting[0]; errand && this.#isRoomFor(errand); errand = this.#waiting[0]) {
      if (!this.pace.take()) return;
      this.#waiting.shift();
      const begun = { errand, place: this.#tells, isOnWire: false };
      if (errand.draft.type === "tell") this.#tells++;
      this.#begun.set(++this.#id, begun);
      this.#send(this.#id, begun);
    }
  }

  /** Whether something would go, if only the pace let it. */
  get isHeldBack(): boolean {
    const [next] = this.#waiting;
    const isCut = [...this.#begun.values()].some(({ isOnWire }) => !isOnWire);
    return isCut || (next !== undefined && this.#isRoomFor(next));
  }

  /** The server keeps the answers to the newest `inflight` messages: the oldest without an answer must be among them. */
  #isRoomFor({ draft }: Errand): boolean {
    if (draft.type !== "tell") return this.#begun.size < 2 * this.wire.limit("inflight");
    const oldest = [...this.#begun.values()].find(({ errand }) => errand.draft.type === "tell");
    return oldest === undefined || this.#tells - oldest.place < this.wire.limit("inflight");
  }

  #send(id: number, begun: Begun): void {
    const { draft } = begun.errand;
    const message = encodeRelay(draft.type === "tell" ? { ...draft, id, have: this.wire.tag() } : { ...draft, id });
    begun.isOnWire = true;
    if (message.length <= this.wire.limit("message_bytes")) return this.wire.post(message);
    // The server would close the connection, again after every repetition.
    this.#begun.delete(id);
    begun.errand.failed(new Rejected("too_large", `a message of ${message.length} bytes`));
  }

  done(answer: Done): void {
    this.#take(answer.id)?.done(answer);
  }

  /** Whether it was one of these that the server has refused. */
  refused({ id, code, what, retry_ms }: Refused): boolean {
    if (code === "too_fast") this.pace.refused(retry_ms ?? 0);
    const errand = id === undefined ? undefined : this.#take(id);
    errand?.failed(new Rejected(code, what, 0, [], retry_ms));
    return errand !== undefined;
  }

  #take(id: number): Errand | undefined {
    const begun = this.#begun.get(id);
    this.#begun.delete(id);
    return begun?.errand;
  }

  /** There will be no more answers. */
  end(code: "released" | "replaced" | "unauthorized", what: string): void {
    const begun = [...this.#begun.values()];
    const waiting = this.#waiting;
    this.#begun.clear();
    this.#waiting = [];
    for (const { errand } of begun) errand.failed(new Rejected("lost", "it was sent and has no answer"));
    for (const errand of waiting) errand.failed(new Rejected(code, what));
  }
}
