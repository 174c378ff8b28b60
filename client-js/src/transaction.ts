// Transaction: what a function read and wrote, sent as one conditional write and run again when others were first.

import type { Copy } from "./copy.ts";
import { applied } from "./ops.ts";
import { Deferred } from "./outbox.ts";
import type { Conditions, Operation } from "./protocol.ts";
import { Rejected } from "./rejected.ts";
import type { Replica } from "./replica.ts";
import type { Slot, SlotName } from "./typing.ts";
import { Unfit, type Value } from "./values.ts";
import { type Prepared, Writer } from "./writer.ts";

/** How a transaction ended; when it could not be accepted, the promise is rejected instead. */
export interface TransactionResult {
  /** false: the function aborted it. */
  readonly committed: boolean;
  /** The object's version that contains it. */
  readonly version: number;
  /** How many times the function's writes were sent. */
  readonly tries: number;
}

/** For `transact`. */
export interface TransactionOptions {
  /** Attempts before the last conflict is the answer; 25 if left out. */
  readonly tries?: number | undefined;
}

/** What the function of `transact` is handed: reads and writes of one attempt. */
export class Transaction<T extends object> extends Writer<T, void> {
  readonly #copy: Copy;
  readonly #reads = new Map<string, number>();
  readonly #shown = new Map<string, Value | undefined>();
  /** Slots whose content this attempt has fixed by itself. */
  readonly #fixed = new Set<string>();
  readonly #ops: Operation[] = [];
  #bytes = 0;
  #isAborted = false;

  constructor(copy: Copy) {
    super();
    this.#copy = copy;
  }

  /** What the slot holds; it must still hold it when the transaction is accepted. */
  get<K extends SlotName<T>>(slot: K): Slot<T, K> | undefined {
    if (!this.#copy.follows(slot)) throw new Rejected("bad_name", `slot ${JSON.stringify(slot)} is not followed`);
    if (!this.#fixed.has(slot)) this.#reads.set(slot, this.#copy.base(slot)?.version ?? 0);
    return this.#value(slot) as Slot<T, K> | undefined;
  }

  has(slot: SlotName<T>): boolean {
    return this.get(slot) !== undefined;
  }

  /** Gives the attempt up: `return tx.abort()`. Nothing is written, and nothing is tried again. */
  abort(): void {
    this.#isAborted = true;
  }

  protected override write(prepare: () => Prepared): void {
    const { operation, bytes } = prepare();
    this.#ops.push(operation);
    this.#bytes += bytes;
    if (operation.op === "clear") return;
    if (operation.op === "set" || operation.op === "delete") this.#fixed.add(operation.slot);
    try {
      const author = { user: "", now_ms: 0 };
      this.#shown.set(operation.slot, applied(this.#value(operation.slot), operation, author));
    } catch (error) {
      if (error instanceof Unfit) throw new Rejected(error.code, `${operation.slot}: ${error.message}`);
      throw error;
    }
  }

  #value(slot: string): Value | undefined {
    return this.#shown.has(slot) ? this.#shown.get(slot) : this.#copy.value(slot);
  }

  get isAborted(): boolean {
    return this.#isAborted;
  }

  get ops(): readonly Operation[] {
    return this.#ops;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The versions that the slots which were read must still have. */
  get conditions(): Conditions {
    return Object.fromEntries(this.#reads);
  }

  /** Slots that were read. */
  get reads(): Iterable<string> {
    return this.#reads.keys();
  }
}

const tries_max = 25;
const pause_ms_max = 1000;

/** Runs `attempt` on the copy until the server accepts it, it aborts, or the tries are used up. */
export async function transact<T extends object>(
  replica: Replica,
  attempt: (tx: Transaction<T>) => void,
  { tries = tries_max }: TransactionOptions,
): Promise<TransactionResult> {
  await replica.loaded.promise;
  for (let count = 1; ; count++) {
    const tx = await settledAttempt(replica, attempt);
    const { have: version } = replica.copy;
    if (tx.isAborted) return { committed: false, version, tries: count };
    if (tx.ops.length === 0) return { committed: true, version, tries: count };
    try {
      const entry = replica.submit({ type: "write", ops: tx.ops, if: tx.conditions, isQuiet: count < tries }, tx.bytes);
      const accepted = await entry.promise;
      return { committed: true, version: accepted.version, tries: count };
    } catch (error) {
      if (!(error instanceof Rejected) || error.code !== "conflict" || count >= tries) throw error;
      await pause(count);
    }
  }
}

/** An attempt that read nothing of which a write is still on its way: its version is not known yet. */
async function settledAttempt<T extends object>(
  replica: Replica,
  attempt: (tx: Transaction<T>) => void,
): Promise<Transaction<T>> {
  for (;;) {
    const tx = new Transaction<T>(replica.copy);
    attempt(tx);
    if (tx.isAborted || !replica.isUnsettled(tx.reads)) return tx;
    await settled(replica, [...tx.reads]);
  }
}

/** Settles once no write to these slots is on its way; rejected when the object is released. */
function settled(replica: Replica, slots: readonly string[]): Promise<void> {
  const settled = new Deferred<void>();
  const check = () => {
    if (replica.state === "released") settled.reject(new Rejected("released", `${replica.name} was released`));
    else if (!replica.isUnsettled(slots)) settled.resolve();
    else return;
    for (const off of offs) off();
  };
  const offs = [replica.events.on("sync", check), replica.events.on("state", check)];
  // An answer without a frame of its own: the write moved nothing.
  for (const entry of replica.outbox) entry.promise.then(check, check);
  return settled.promise;
}

/** Up to 10, 20, 40, … ms, at random, so that those who were in each other's way part. */
function pause(count: number): Promise<void> {
  const ceiling_ms = Math.min(pause_ms_max, 5 * 2 ** count);
  return new Promise((resolve) => setTimeout(resolve, Math.random() * ceiling_ms));
}
