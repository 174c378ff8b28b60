// Replica: one object's conversation with the server: use, frames, answers, resuming. No sockets, no timers.

import { Copy } from "./copy.ts";
import { Emitter } from "./events.ts";
import type { Happenings, ObjectState } from "./happenings.ts";
import type { Diff, ObjectMessage, Sent, Snapshot } from "./incoming.ts";
import type { Author } from "./ops.ts";
import { type Accepted, Deferred, Entry, Outbox, type Request } from "./outbox.ts";
import { type ClientMessage, encodeMessage, type Operation, type SlotRecord } from "./protocol.ts";
import { Rejected } from "./rejected.ts";
import { Report } from "./report.ts";
import { type Tie, Ties } from "./ties.ts";
import { Unfit, type Value } from "./values.ts";
import type { Wire } from "./wire.ts";

type Frame = Snapshot | Diff | Sent;
/** What the ties' slots held before a frame. */
type Kept = ReadonlyMap<string, Value | undefined>;
type Answer = Extract<ObjectMessage, { type: "success" | "reject" }>;

export class Replica {
  readonly copy: Copy;
  readonly outbox = new Outbox();
  readonly events = new Emitter<Happenings>();
  readonly loaded = new Deferred<void>();
  state: ObjectState = "loading";
  /** Frames that did not follow from the copy, each mended by a new snapshot. */
  faults = 0;

  readonly #ties = new Ties();
  readonly #successes = new Set<number>();
  /** Where this connection stands: no connection; `use` sent; repeated writes unanswered; all well. */
  #phase: "away" | "asked" | "repeating" | "live" = "away";
  /** On this connection the unanswered writes were not repeated yet. */
  #repeat = false;
  #hasCopy = false;
  #sends = 0;
  readonly #parts = new Map<string, SlotRecord>();
  /** The number of the last part that has come; 0: none is waited for. */
  #part = 0;
  #held: Frame[] = [];
  #rejections: (() => void)[] = [];
  #writtenSlots = new Set<string>();

  constructor(
    readonly name: string,
    readonly patterns: readonly string[] | undefined,
    readonly rate: number | undefined,
    readonly wire: Wire,
  ) {
    this.copy = new Copy(patterns);
  }

  /** Whether reads are of a copy that the server gave. */
  get hasCopy(): boolean {
    return this.#hasCopy;
  }

  // ---- what the user does

  /** Puts a request on its way; what it writes shows at once. */
  submit(request: Request, bytes: number): Entry {
    const entry = new Entry(request, bytes, undefined, undefined);
    if (this.#hasCopy) {
      entry.seen = this.copy.seen(entry.slots());
      entry.epoch = this.copy.epoch;
    }
    if (this.state === "released") {
      entry.reject(new Rejected("released", `${this.name} was released`));
      return entry;
    }
    try {
      const replaced = this.outbox.push(entry);
      if (replaced) this.#cover();
      else this.copy.lay(entry, this.#author());
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
      entry.reject(error);
      this.#cover();
      return entry;
    }
    for (const slot of entry.slots()) this.#writtenSlots.add(slot);
    this.wire.schedule(this);
    return entry;
  }

  /** Shows an operation of a write that is being put together. */
  preview(operation: Operation): void {
    this.copy.lay({ ops: [operation], version: undefined }, this.#author());
  }

  /** Whether this client holds the slot for as long as its session lasts. */
  isTied(slot: string): boolean {
    return this.#ties.has(slot);
  }

  /** Whether a write to one of these slots is not in the base yet. */
  isUnsettled(slots: Iterable<string>): boolean {
    const set = [...slots];
    return Array.from(this.outbox).some((entry) => set.some((slot) => entry.touches(slot)));
  }

  /** Takes back what was previewed. */
  endPreview(): void {
    this.#cover();
  }

  /** Sends what waits, as far as the window of unanswered ones allows. */
  pump(): void {
    this.#tellWritten();
    if (this.#phase !== "live") return;
    let sent = this.outbox.inPhase("sent").length;
    for (const entry of this.outbox.inPhase("waiting")) {
      if (sent >= this.wire.limit("inflight")) return;
      if (this.#sendFirst(entry)) sent++;
    }
  }

  #sendFirst(entry: Entry): boolean {
    entry.seen ??= this.copy.have;
    entry.epoch ??= this.copy.epoch;
    entry.id = this.wire.id(this);
    const message = encodeMessage(entry.message(this.name));
    if (message.length > this.wire.limit("message_bytes")) {
      // The server would close the connection, again after every repetition.
      this.#refuse(entry, new Rejected("too_large", `a message of ${message.length} bytes`, this.copy.have));
      return false;
    }
    entry.phase = "sent";
    this.wire.post(message);
    return true;
  }

  #tellWritten(): void {
    if (this.#writtenSlots.size === 0) return;
    const slots = [...this.#writtenSlots];
    this.#writtenSlots.clear();
    this.events.emit("local", { slots });
  }

  /** No more frames and nothing more to the wire; what is on it still gets its answers. */
  leave(): void {
    this.#phase = "away";
    for (const entry of this.outbox.inPhase("waiting")) {
      this.outbox.remove(entry);
      entry.reject(new Rejected("released", `${this.name} was released`, this.copy.have));
    }
    this.#become("released");
  }

  /** No more frames and answers; what has no answer yet is rejected with `code`. */
  end(code: "released" | "replaced" | "unauthorized"): void {
    this.#phase = "away";
    const entries = this.outbox.drain();
    this.#cover();
    for (const entry of entries) {
      const reason = entry.phase === "sent" ? "lost" : code;
      if (entry.phase !== "accepted")
        entry.reject(new Rejected(reason, "the object is not used any more", this.copy.have));
    }
    this.loaded.reject(new Rejected(code, "the object is not used any more"));
    this.#become("released");
  }

  // ---- what the connection says

  /** A connection is there. */
  welcomed(): void {
    this.#ties.reconnected();
    this.#repeat = true;
    this.#use(true);
  }

  /** The connection is gone. */
  cut(): void {
    this.#phase = "away";
    this.#part = 0;
    this.#held = [];
    // Their writes are answered already, so they will not be repeated.
    for (const reject of this.#rejections.splice(0)) reject();
    if (this.state !== "released") this.#become(this.#hasCopy ? "offline" : "loading");
  }

  /** Whether the `use` has no answer yet. */
  get isAsking(): boolean {
    return this.#phase === "asked";
  }

  /** The server refused the `use`. */
  refused(rejected: Rejected): void {
    if (this.#phase !== "asked") return;
    this.#phase = "away";
    // What a server refuses only because it stops, it takes after the next reconnect.
    if (!rejected.retry) this.loaded.reject(rejected);
    this.#become(this.#hasCopy ? "offline" : "loading");
  }

  received(frame: Frame): void {
    const whole = frame.type === "snapshot" ? this.#collect(frame) : frame;
    if (whole === undefined || this.#phase === "away") return;
    if (this.#phase === "repeating") this.#held.push(whole);
    else if (whole.type === "sent") this.#sent(whole);
    else if (this.#phase === "live") this.#take(whole, false)?.();
    else this.#answeredUse(whole);
  }

  /** A snapshot in parts counts when the last is there. What is left of one that was given up is passed over. */
  #collect(frame: Snapshot): Snapshot | undefined {
    const { part, parts } = frame;
    if (parts === 1 || this.#phase === "away") return frame;
    if (part === 1) this.#parts.clear();
    else if (part !== this.#part + 1) return undefined;
    this.#part = frame.more ? part : 0;
    for (const record of frame.slots) {
      if (record.value === null) this.#parts.delete(record.slot);
      else this.#parts.set(record.slot, record);
    }
    this.events.emit("progress", { part, parts });
    if (frame.more) return undefined;
    const slots = [...this.#parts.values()];
    this.#parts.clear();
    return { ...frame, slots };
  }

  #use(withCursor: boolean): void {
    this.#phase = "asked";
    this.#part = 0;
    const { epoch, have: version } = this.copy;
    const cursor = withCursor && this.#hasCopy ? { epoch, version, sends: this.#sends } : undefined;
    this.#post({ type: "use", object: this.name, cursor, slots: this.patterns, rate: this.rate });
  }

  #post(message: ClientMessage): void {
    this.wire.post(encodeMessage(message));
  }

  #answeredUse(frame: Snapshot | Diff): void {
    // After a fault only a snapshot will do: differences still on their way belong to the copy that was given up.
    if (frame.type === "diff" && !this.#repeat) return;
    this.#held = [frame];
    this.#phase = "repeating";
    const isOther = frame.type === "snapshot" && this.#hasCopy && frame.epoch !== this.copy.epoch;
    if (this.#repeat && !isOther) {
      for (const entry of this.outbox.inPhase("sent")) this.#post(entry.message(this.name));
    }
    if (!this.#repeat || isOther || this.outbox.inPhase("sent").length === 0) this.#resume();
  }

  /** Every repeated write has its answer: the frames that waited are applied. Till then an addition would show twice. */
  #resume(): void {
    this.#phase = "live";
    const resumed = this.#repeat;
    this.#repeat = false;
    for (const reject of this.#rejections.splice(0)) reject();
    const [first, ...rest] = this.#held.splice(0);
    const tell = first && first.type !== "sent" ? this.#take(first, resumed) : undefined;
    if (this.#isLive()) {
      this.#become("live");
      this.loaded.resolve();
      this.wire.schedule(this);
    }
    tell?.();
    for (const frame of rest) this.received(frame);
  }

  #isLive(): boolean {
    return this.#phase === "live";
  }

  answered(answer: Answer, id: number): void {
    const entry = this.outbox.byId(id);
    if (!entry) return;
    if (answer.type === "success") this.#accepted(entry, answer);
    else this.#rejected(entry, answer);
    if (this.#phase === "repeating" && this.outbox.inPhase("sent").length === 0) this.#resume();
    this.wire.schedule(this);
  }

  #accepted(entry: Entry, accepted: Accepted): void {
    const { version, changed } = accepted;
    entry.phase = "accepted";
    entry.version = version;
    if (changed) this.#successes.add(version);
    if (changed) this.#ties.accepted(entry, version, Date.now());
    const slots = [...entry.slots()];
    // With patterns the frame of a version that changed nothing in view never comes.
    const unseen = this.patterns !== undefined && (!changed || !slots.some((slot) => this.copy.follows(slot)));
    const isClear = entry.ops.some(({ op }) => op === "clear");
    if (entry.ops.length === 0 || version <= this.copy.have || (unseen && !isClear)) {
      this.outbox.remove(entry);
      if (changed) this.#successes.delete(version);
      this.#cover();
    }
    entry.resolve({ version, changed, class: accepted.class });
  }

  #rejected(entry: Entry, answer: Extract<Answer, { type: "reject" }>): void {
    const { what, version, winners } = answer;
    const code = answer.code === "wrong_epoch" ? "lost" : answer.code;
    const rejected = new Rejected(code, what, version, winners);
    if (this.#phase !== "repeating") return this.#refuse(entry, rejected);
    entry.phase = "accepted";
    this.#rejections.push(() => this.#refuse(entry, rejected));
  }

  /** Takes a write back: the winners show, its promises are rejected. */
  #refuse(entry: Entry, rejected: Rejected): void {
    const winners = rejected.winners.map(({ slot }) => slot);
    const slots = this.#reachedBy(entry);
    const report = this.#report([...slots, ...winners]);
    this.outbox.remove(entry);
    if (rejected.code === "conflict") this.#lostTies(entry, rejected.winners);
    this.copy.win(rejected.winners, rejected.version);
    this.#cover();
    entry.reject(rejected);
    if (entry.ops.length > 0) report.refused(entry.isQuiet ? new Set() : slots, rejected);
  }

  /** Slots that an entry names, or all that it clears. */
  #reachedBy(entry: Entry): Set<string> {
    const slots = entry.slots();
    if (entry.ops.some(({ op }) => op === "clear"))
      for (const slot of this.#allSlots()) if (entry.touches(slot)) slots.add(slot);
    return slots;
  }

  /** Applies a frame; what it returns tells the listeners. */
  #take(frame: Snapshot | Diff, resumed: boolean): (() => void) | undefined {
    return frame.type === "diff" ? this.#diff(frame, resumed) : this.#snapshot(frame, resumed);
  }

  #sent({ name, value, by, version }: Sent): void {
    this.#sends++;
    const event = { name, value, by, version };
    this.events.emit("send", event);
    this.events.emit(`send:${name}`, event);
  }

  #diff(frame: Diff, resumed: boolean): (() => void) | undefined {
    if (frame.from > this.copy.have) return this.#fault(`a diff from ${frame.from} met version ${this.copy.have}`);
    const named = frame.changes.flatMap((change) => (change.change === "clear" ? [] : [change.slot]));
    const clears = frame.changes.some(({ change }) => change === "clear");
    const report = this.#report(clears ? [...this.#allSlots(), ...named] : named);
    const kept = this.#keptTies();
    this.#sends += frame.skipped;
    try {
      const news = this.copy.apply(frame);
      report.changes(news);
      for (const change of news) if (!this.#successes.has(change.version)) this.#ties.changed(change);
    } catch (error) {
      if (error instanceof Unfit) return this.#fault(`a change does not fit: ${error.message}`);
      throw error;
    }
    this.outbox.seenBack(this.copy.have);
    this.#restoreTies(kept, resumed, true);
    this.#cover();
    return () => {
      report.tell();
      this.#forgetSuccesses();
    };
  }

  #snapshot(frame: Snapshot, resumed: boolean): () => void {
    const isOther = this.#hasCopy && frame.epoch !== this.copy.epoch;
    const report = this.#report([...this.#allSlots(), ...frame.slots.map(({ slot }) => slot)]);
    const kept = this.#keptTies();
    const lost = isOther ? this.#leaveEpoch() : [];
    this.copy.replace(frame.epoch, frame.version, frame.slots);
    this.#hasCopy = true;
    this.#sends = frame.sends;
    this.outbox.seenBack(this.copy.have);
    this.#restoreTies(kept, resumed || isOther, !isOther);
    this.#cover();
    report.snapshot(isOther);
    return () => {
      report.tell();
      this.#forgetSuccesses();
      for (const [entry, rejected] of lost) {
        entry.reject(rejected);
        report.refused(entry.slots(), rejected);
      }
    };
  }

  /** The object died: what was sent is lost, what was not is written for the new one. */
  #leaveEpoch(): [Entry, Rejected][] {
    const lost: [Entry, Rejected][] = [];
    for (const entry of this.outbox) {
      const conditional = entry.request.type === "write" && entry.request.if !== undefined;
      if (entry.phase === "waiting" && !conditional) {
        entry.seen = undefined;
        entry.epoch = undefined;
        continue;
      }
      this.outbox.remove(entry);
      const code = entry.phase === "waiting" ? "conflict" : "lost";
      if (entry.phase !== "accepted") lost.push([entry, new Rejected(code, "the object died and was made anew")]);
    }
    this.#successes.clear();
    return lost;
  }

  /** The copy has gone wrong: the object is used anew. */
  #fault(what: string): undefined {
    this.faults++;
    this.wire.failed("fault", what, this.name);
    this.#use(false);
  }

  // ---- ties

  /** What the server has in the ties' slots: without what still waits. */
  #keptTies(): Kept {
    if (this.#ties.size === 0) return new Map();
    this.copy.cover(this.outbox.inPhase("accepted"), this.#author());
    const kept = new Map(Array.from(this.#ties, ([slot]) => [slot, this.copy.value(slot)]));
    this.#cover();
    return kept;
  }

  /** Slots that went with the old session are set again, before all that waits. */
  #restoreTies(kept: Kept, resumed: boolean, sameEpoch: boolean): void {
    const comes = resumed ? this.outbox.inPhase("accepted") : Array.from(this.outbox);
    for (const [slot, tie] of this.#ties) {
      // Accepted after this frame, so by the present session; or still on its way, and its answer will tell.
      if (comes.some((entry) => entry.touches(slot))) continue;
      const now = this.copy.base(slot)?.version;
      const value = kept.get(slot);
      const isOwn = sameEpoch && now !== undefined && (now === tie.version || this.#successes.has(now));
      if (this.#ties.isToRestore(slot, tie, { value, now, isOwn, resumed }))
        this.#setAgain(slot, value ?? null, tie, now !== undefined);
    }
  }

  /** A tied write met another's: the tie is let go, unless that was only the end of the session before, coming late. */
  #lostTies(entry: Entry, winners: readonly SlotRecord[]): void {
    for (const operation of entry.ops) {
      if (operation.op === "clear") continue;
      const { slot } = operation;
      const tie = this.#ties.get(slot);
      const winner = winners.find((winner) => winner.slot === slot);
      const isFree = winner?.value === null && winner.by === "";
      const isTied = (operation.op === "set" || operation.op === "once") && operation.tie === true;
      if (tie && isFree && isTied) this.#setAgain(slot, operation.value, tie, false);
      else this.#ties.drop(slot);
    }
  }

  #setAgain(slot: string, value: Value, { ttl_ms }: Tie, isThere: boolean): void {
    const isStatus = slot.startsWith("@");
    // `once` leaves the slot to whoever came in between.
    const op = isThere || isStatus ? "set" : "once";
    const tie = isStatus ? undefined : true;
    this.outbox.pushFront(
      new Entry({ type: "write", ops: [{ op, slot, value, ttl_ms, tie }] }, 0, undefined, undefined),
    );
    this.wire.schedule(this);
  }

  // ---- small things

  #report(slots: Iterable<string>): Report {
    return new Report(this.copy, this.events, this.#successes, slots);
  }

  #allSlots(): string[] {
    return Array.from(this.copy.entries(), ([slot]) => slot);
  }

  #forgetSuccesses(): void {
    for (const version of this.#successes) if (version <= this.copy.have) this.#successes.delete(version);
  }

  #become(state: ObjectState): void {
    if (this.state === state) return;
    this.state = state;
    this.events.emit("state", state);
  }

  #cover(): void {
    this.copy.cover(this.outbox, this.#author());
  }

  #author(): Author {
    return { user: this.wire.user, now_ms: this.wire.now() };
  }
}
