// SharedObject: a named set of slots that everyone who uses it sees; reads are from the local copy.

import type { Connection } from "./connection.ts";
import type { ListenOptions, Off } from "./events.ts";
import type { ObjectState, SendEvent } from "./happenings.ts";
import { isSendName } from "./names.ts";
import { type Accepted, Deferred } from "./outbox.ts";
import type { Operation } from "./protocol.ts";
import { Rejected } from "./rejected.ts";
import type { Replica } from "./replica.ts";
import { type Transaction, type TransactionOptions, type TransactionResult, transact } from "./transaction.ts";
import type { ObjectEvents, Slot, SlotName } from "./typing.ts";
import { type Path, sameValue, type Value } from "./values.ts";
import { checked, type Prepared, Writer } from "./writer.ts";

/** Writes that are being put together. */
interface Batch {
  readonly ops: Operation[];
  readonly accepted: Deferred<Accepted>;
  bytes: number;
  failed: Rejected | undefined;
}

/**
 * One shared object. Reads are at once, from the local copy with this client's own writes over it, and what they give is
 * frozen. Every write gives a promise: fulfilled when the server has accepted it, rejected with {@link Rejected}; ignoring it
 * is fine, the `reject` event tells as well.
 */
export class SharedObject<T extends object = Record<string, Value>> extends Writer<T, Promise<Accepted>> {
  readonly #connection: Connection;
  readonly #replica: Replica;
  #batch: Batch | undefined;
  #snapshot: { revision: number; data: Readonly<Partial<T>> } | undefined;

  /** Made by `slotcast.object(name)`. */
  constructor(connection: Connection, replica: Replica) {
    super();
    this.#connection = connection;
    this.#replica = replica;
  }

  // ---- reads

  /** `kind/rest`. */
  get name(): string {
    return this.#replica.name;
  }

  /** `loading` until the first copy is there, then `live` or `offline`; `released` for good. */
  get state(): ObjectState {
    return this.#replica.state;
  }

  /** Settles when the first copy is there, even an empty one; rejected when the server refuses the object. */
  get ready(): Promise<void> {
    return this.#replica.loaded.promise;
  }

  /** The version of the copy; it rises by one with each accepted write of anyone. */
  get version(): number {
    return this.#replica.copy.have;
  }

  /** The object's incarnation; versions of different epochs have nothing to do with each other. */
  get epoch(): number {
    return this.#replica.copy.epoch;
  }

  /** How often a frame did not follow from the copy and a new snapshot was asked for; 0 with a sound server. */
  get faults(): number {
    return this.#replica.faults;
  }

  /** What the slot holds; undefined: there is no such slot. */
  get<K extends SlotName<T>>(slot: K): Slot<T, K> | undefined {
    return this.#replica.copy.value(slot) as Slot<T, K> | undefined;
  }

  has(slot: SlotName<T>): boolean {
    return this.#replica.copy.value(slot) !== undefined;
  }

  /** The names of all slots, status slots included. */
  keys(): SlotName<T>[] {
    return this.entries().map(([slot]) => slot);
  }

  /** All slots with what they hold. */
  entries(): [SlotName<T>, Slot<T, SlotName<T>>][] {
    return [...this.#replica.copy.entries()] as [SlotName<T>, Slot<T, SlotName<T>>][];
  }

  /** All slots as one frozen object; the same one until something changes. */
  get data(): Readonly<Partial<T>> {
    const { revision } = this.#replica.copy;
    if (this.#snapshot?.revision !== revision) {
      // No prototype: a slot may be called `valueOf`.
      const data: Record<string, Value> = Object.assign(
        Object.create(null),
        Object.fromEntries(this.#replica.copy.entries()),
      );
      this.#snapshot = { revision, data: Object.freeze(data) as Readonly<Partial<T>> };
    }
    return this.#snapshot.data;
  }

  /** The users who have a status here, with it. */
  statuses(): Map<string, Value> {
    const statuses = new Map<string, Value>();
    for (const [slot, value] of this.#replica.copy.entries())
      if (slot.startsWith("@")) statuses.set(slot.slice(1), value);
    return statuses;
  }

  // ---- writes

  /** All slots but status slots go. */
  clear(): Promise<Accepted> {
    return this.write(() => ({ operation: { op: "clear" }, bytes: 0 }), true);
  }

  /**
   * What `fill` writes to this object goes out as one write: all of it is accepted, or nothing. At most 64 operations.
   * If `fill` throws, nothing is written and `batch` throws the same.
   */
  batch(fill: () => void): Promise<Accepted> {
    if (this.#batch) {
      fill();
      return this.#batch.accepted.promise;
    }
    const batch: Batch = { ops: [], accepted: new Deferred(), bytes: 0, failed: undefined };
    this.#batch = batch;
    try {
      fill();
    } catch (error) {
      batch.accepted.reject(new Rejected("bad_value", "the batch was given up"));
      batch.ops.length = 0;
      throw error;
    } finally {
      this.#batch = undefined;
      this.#replica.endPreview();
    }
    this.#finish(batch);
    return batch.accepted.promise;
  }

  #finish({ ops, bytes, accepted, failed }: Batch): void {
    const ops_max = this.#connection.limit("ops");
    if (failed) accepted.reject(failed);
    else if (ops.length > ops_max)
      accepted.reject(new Rejected("too_many", `${ops.length} operations, ${ops_max} at most`));
    else if (ops.length === 0) accepted.resolve(this.#nothing());
    else this.#replica.submit({ type: "write", ops }, bytes).promise.then(accepted.resolve, accepted.reject);
  }

  protected override write(prepare: () => Prepared, force: boolean): Promise<Accepted> {
    try {
      const { operation, bytes } = prepare();
      this.#fits(bytes);
      if (!force && this.#isShown(operation)) return this.#unchanged(operation);
      if (!this.#batch) return this.#replica.submit({ type: "write", ops: [operation] }, bytes).promise;
      this.#batch.ops.push(operation);
      this.#batch.bytes += bytes;
      this.#replica.preview(operation);
      return this.#batch.accepted.promise;
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
      return this.#refused(error);
    }
  }

  #refused(rejected: Rejected): Promise<Accepted> {
    if (this.#batch) {
      this.#batch.failed ??= rejected;
      return this.#batch.accepted.promise;
    }
    const refused = new Deferred<Accepted>();
    refused.reject(rejected);
    return refused.promise;
  }

  #fits(bytes: number): void {
    const bytes_max = this.#connection.limit("value_bytes");
    if (bytes > bytes_max) throw new Rejected("too_large", `a value of ${bytes} bytes, ${bytes_max} at most`);
  }

  /** Whether a `set` or `delete` would show what is shown already. */
  #isShown(operation: Operation): boolean {
    if (operation.op !== "set" && operation.op !== "delete") return false;
    const { copy, hasCopy } = this.#replica;
    const value = operation.op === "set" ? operation.value : undefined;
    return hasCopy && copy.follows(operation.slot) && sameValue(copy.value(operation.slot), value);
  }

  /** Answered with the write that made it so, if that has no answer yet. */
  #unchanged(operation: Operation): Promise<Accepted> {
    if (this.#batch) return this.#batch.accepted.promise;
    const pending = operation.op === "clear" ? undefined : this.#replica.outbox.lastTouching(operation.slot);
    return pending?.promise ?? Promise.resolve(this.#nothing());
  }

  #nothing(): Accepted {
    return { version: this.version, changed: false, class: "none" };
  }

  /**
   * Runs `attempt` on the local copy; what it read must still hold when the server takes what it wrote. If others were first,
   * it is run again with what they wrote. `attempt` must not wait, and may be run often.
   * @returns whether it was committed; `tx.abort()` gives `committed: false`.
   */
  transact(attempt: (tx: Transaction<T>) => void, options: TransactionOptions = {}): Promise<TransactionResult> {
    const result = transact(this.#replica, attempt, options);
    result.catch(() => {});
    return result;
  }

  /** A named message to all who use the object now, this client included, in order with the changes. It is not kept. */
  send(name: string, value: unknown): Promise<Accepted> {
    try {
      if (!isSendName(name)) throw new Rejected("bad_name", `send ${JSON.stringify(name)}`);
      const own = checked(value);
      this.#fits(own.bytes);
      return this.#replica.submit({ type: "send", name, value: own.value }, own.bytes).promise;
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
      const refused = new Deferred<Accepted>();
      refused.reject(error);
      return refused.promise;
    }
  }

  // ---- status

  /** This user's status in this object, the slot `@user`; null takes it away. After a reconnect it is set again. */
  setStatus(value: object | null): Promise<Accepted> {
    return this.#withStatusSlot((slot) => this.#writeStatus(slot, value));
  }

  /** Sets a place inside the own status; makes the status if there is none. */
  patchStatus(path: Path, value: unknown): Promise<Accepted> {
    return this.#withStatusSlot((slot) => {
      if (this.#replica.copy.value(slot) !== undefined) return this.patch(slot, path, value);
      return this.#writeStatus(
        slot,
        path.reduceRight((inner, step) => ({ [step]: inner }), value),
      );
    });
  }

  #writeStatus(slot: `@${string}`, value: unknown): Promise<Accepted> {
    // Shown already, it may be another tab's: this one's must outlive a cut as well.
    return this.set(slot, value as Slot<T, `@${string}`> | null, { force: !this.#replica.isTied(slot) });
  }

  /** Who this client is may be known only with the first welcome. */
  #withStatusSlot(write: (slot: `@${string}`) => Promise<Accepted>): Promise<Accepted> {
    if (this.#connection.user !== "") return write(`@${this.#connection.user}`);
    const accepted = this.#connection.known.promise.then(() => write(`@${this.#connection.user}`));
    accepted.catch(() => {});
    return accepted;
  }

  // ---- events

  /**
   * Listens. Events come once per frame of the server, after the whole of it is applied: first `clear`, then what happened to
   * each slot (`success`, `change`, `delete`, `reject`), then `sync`. `send:NAME` is one kind of send, `send` all.
   * @returns a function that ends it; `signal` does so too.
   */
  on<Name extends keyof ObjectEvents<T>>(
    name: Name,
    listener: (event: ObjectEvents<T>[Name]) => void,
    options: ListenOptions = {},
  ): Off {
    // The replica knows slots as plain values; their types are the caller's word.
    return this.#replica.events.on(name as never, listener as never, options);
  }

  /** Listens to the sends of one name. */
  onSend(name: string, listener: (event: SendEvent) => void, options: ListenOptions = {}): Off {
    return this.#replica.events.on(`send:${name}`, listener, options);
  }

  // ---- the rest

  /**
   * The server's fingerprint of the whole object: 32 hex digits, equal for equal slots. `fingerprint(so.entries())` is that of the
   * local copy.
   */
  fingerprint(): Promise<string> {
    return this.#connection.fingerprint(this.name);
  }

  /**
   * Leaves the object: no more events, its status and tied slots go. Writes that the server has not answered by then are rejected with
   * `lost` or `released`; what was handed over before is still answered.
   */
  release(): Promise<void> {
    return this.#connection.release(this.#replica);
  }
}
