// The outbox of one object: writes and sends from the call to the server's answer, in order.

import type { Layer } from "./copy.ts";
import type { ClientMessage, Conditions, Operation } from "./protocol.ts";
import { Rejected } from "./rejected.ts";
import type { Value } from "./values.ts";

/** Writes and sends that wait for the wire, per object; one more is rejected with `queue_full`. */
export const waiting_max = 1000;
/** Bytes of values that wait for the wire, per object; beyond it `queue_full`. */
export const waiting_bytes_max = 1024 * 1024;

/** The server has accepted a write or a send. */
export interface Accepted {
  /** The object's version that contains it. */
  readonly version: number;
  /** false: it was accepted and moved nothing. */
  readonly changed: boolean;
  /** The durability class reached: `memory`, `disk`, `quorum`; `none` when nothing had to be sent. */
  readonly class: string;
}

/** What is asked of the server. */
export type Request =
  | {
      readonly type: "write";
      readonly ops: readonly Operation[];
      readonly if?: Conditions | undefined;
      /** Its rejection is no news: a transaction that will try again. */
      readonly isQuiet?: boolean | undefined;
    }
  | { readonly type: "send"; readonly name: string; readonly value: Value };

/** A promise with its two ends. Ignoring its rejection is no unhandled rejection. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  resolve!: (value: T) => void;
  reject!: (reason: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(() => {});
  }
}

/** One request on its way: waiting for the wire, sent and unanswered, or accepted and not yet seen in a diff. */
export class Entry implements Layer {
  phase: "waiting" | "sent" | "accepted" = "waiting";
  /** 0 until it is sent for the first time; a repetition has the same. */
  id = 0;
  /** Set once accepted. */
  version: number | undefined;
  /** Promises of all calls that this entry answers. */
  readonly answers: Deferred<Accepted>[] = [new Deferred()];

  constructor(
    readonly request: Request,
    readonly bytes: number,
    /** Up to where its writer had seen the object; undefined: to be filled in with the copy's when it is sent. */
    public seen: number | undefined,
    public epoch: number | undefined,
  ) {}

  get ops(): readonly Operation[] {
    return this.request.type === "write" ? this.request.ops : [];
  }

  get promise(): Promise<Accepted> {
    return (this.answers[0] ?? new Deferred<Accepted>()).promise;
  }

  /** Slots that it names, each once. */
  slots(): Set<string> {
    return new Set(this.ops.flatMap((operation) => (operation.op === "clear" ? [] : [operation.slot])));
  }

  touches(slot: string): boolean {
    return this.ops.some((operation) => (operation.op === "clear" ? !slot.startsWith("@") : operation.slot === slot));
  }

  message(object: string): ClientMessage {
    const { id, request } = this;
    if (request.type === "send") return { type: "send", id, object, name: request.name, value: request.value };
    return { type: "write", id, object, epoch: this.epoch, seen: this.seen, if: request.if, ops: request.ops };
  }

  resolve(accepted: Accepted): void {
    for (const answer of this.answers) answer.resolve(accepted);
  }

  reject(rejected: Rejected): void {
    for (const answer of this.answers) answer.reject(rejected);
  }

  get isQuiet(): boolean {
    return this.request.type === "write" && this.request.isQuiet === true;
  }

  /** The slot, if it is one plain `set` that a later one may take the place of. */
  replaceableSlot(): string | undefined {
    const [operation] = this.ops;
    if (this.phase !== "waiting" || this.ops.length !== 1 || operation?.op !== "set") return undefined;
    return this.request.type === "write" && this.request.if === undefined ? operation.slot : undefined;
  }
}

/** Invariant: accepted and sent ones come before waiting ones. */
export class Outbox {
  #entries: Entry[] = [];

  *[Symbol.iterator](): Generator<Entry> {
    yield* this.#entries;
  }

  get size(): number {
    return this.#entries.length;
  }

  inPhase(phase: Entry["phase"]): Entry[] {
    return this.#entries.filter((entry) => entry.phase === phase);
  }

  byId(id: number): Entry | undefined {
    return this.#entries.find((entry) => entry.id === id && entry.phase === "sent");
  }

  /** The newest unanswered request that reaches the slot. */
  lastTouching(slot: string): Entry | undefined {
    return this.#entries.findLast((entry) => entry.phase !== "accepted" && entry.touches(slot));
  }

  /**
   * Adds one at the end. A `set` takes the place of a waiting `set` of the same slot, if nothing in between reaches the slot or is a send;
   * then the promises of both are answered together, and true is returned.
   * @throws Rejected (`queue_full`)
   */
  push(entry: Entry): boolean {
    const replaced = this.#replaced(entry);
    if (replaced) {
      this.remove(replaced);
      entry.answers.push(...replaced.answers);
    }
    const waiting = this.inPhase("waiting");
    const bytes = waiting.reduce((sum, { bytes }) => sum + bytes, entry.bytes);
    if (waiting.length >= waiting_max || bytes > waiting_bytes_max) {
      throw new Rejected("queue_full", `${waiting.length} writes wait for the server`);
    }
    this.#entries.push(entry);
    return replaced !== undefined;
  }

  #replaced(entry: Entry): Entry | undefined {
    const slot = entry.replaceableSlot();
    if (slot === undefined) return undefined;
    // Never over a send: it happens between the two.
    const last = this.#entries.findLast((other) => other.request.type === "send" || other.touches(slot));
    return last?.replaceableSlot() === slot ? last : undefined;
  }

  /** Adds one before all that wait. */
  pushFront(entry: Entry): void {
    const at = this.#entries.findIndex(({ phase }) => phase === "waiting");
    this.#entries.splice(at < 0 ? this.#entries.length : at, 0, entry);
  }

  remove(entry: Entry): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
  }

  /** The base has everything up to `have`: what was accepted by then need not be shown any more. */
  seenBack(have: number): void {
    this.#entries = this.#entries.filter((entry) => entry.version === undefined || entry.version > have);
  }

  /** Takes all out. */
  drain(): Entry[] {
    const entries = this.#entries;
    this.#entries = [];
    return entries;
  }
}
