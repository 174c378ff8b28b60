// Ties: slots that go with this client's session (tied ones and the own status), to be set again in the next.

import type { ChangeRecord } from "./incoming.ts";
import type { Entry } from "./outbox.ts";
import type { Value } from "./values.ts";

/** One such slot, as this client last set it. */
export interface Tie {
  readonly version: number;
  readonly ttl_ms: number | undefined;
  /** When its time is over, on the local clock; from then on it is not set again. */
  readonly expires_ms: number;
  /** It was set again on this connection already: a second time would be an endless loop. */
  restored: boolean;
}

interface Situation {
  readonly value: Value | undefined;
  readonly now: number | undefined;
  readonly isOwn: boolean;
  readonly resumed: boolean;
}

export class Ties {
  readonly #ties = new Map<string, Tie>();

  *[Symbol.iterator](): Generator<[string, Tie]> {
    yield* this.#ties;
  }

  get(slot: string): Tie | undefined {
    return this.#ties.get(slot);
  }

  get size(): number {
    return this.#ties.size;
  }

  /** The server has accepted `entry` as `version`. */
  accepted(entry: Entry, version: number, now_ms: number): void {
    for (const operation of entry.ops) {
      if (operation.op === "clear") this.#cleared();
      else if (operation.op === "delete") this.#ties.delete(operation.slot);
      else if (operation.op === "set" || operation.op === "once") {
        const { slot, ttl_ms, value } = operation;
        const ends = operation.tie === true || slot.startsWith("@");
        const restored = this.#ties.get(slot)?.restored ?? false;
        const expires_ms = ttl_ms === undefined ? Number.POSITIVE_INFINITY : now_ms + ttl_ms;
        if (ends && value !== null) this.#ties.set(slot, { version, ttl_ms, expires_ms, restored });
        else this.#ties.delete(slot);
      } else this.#edited(operation.slot, version);
    }
  }

  /** Other operations leave a tie as it is, at a later version; a status is tied whoever made it. */
  #edited(slot: string, version: number): void {
    const status = { ttl_ms: undefined, expires_ms: Number.POSITIVE_INFINITY, restored: false };
    const tie = this.#ties.get(slot) ?? (slot.startsWith("@") ? status : undefined);
    if (tie) this.#ties.set(slot, { ...tie, version });
  }

  #cleared(): void {
    for (const slot of this.#ties.keys()) if (!slot.startsWith("@")) this.#ties.delete(slot);
  }

  /** Somebody else has the slot now. */
  drop(slot: string): void {
    this.#ties.delete(slot);
  }

  has(slot: string): boolean {
    return this.#ties.has(slot);
  }

  /** A change that is not this client's: whose slot is taken away is let go. The end of a session (`by` is empty) takes nothing. */
  changed(change: ChangeRecord): void {
    if (change.change === "clear") this.#cleared();
    else if (change.change === "set" && !change.slot.startsWith("@")) this.#ties.delete(change.slot);
    else if (change.change === "delete" && change.by !== "") this.#ties.delete(change.slot);
  }

  /**
   * Whether the slot must be set again after a frame. `value`: what it held before; `now`: its version after it, if it is there;
   * `isOwn`: as this client left it; `resumed`: the session is a new one. What others have taken, and what is over, is let go.
   */
  isToRestore(slot: string, tie: Tie, { value, now, isOwn, resumed }: Situation): boolean {
    const isOver = value === undefined || tie.expires_ms <= Date.now();
    const isFree = now === undefined || isOwn;
    if (isFree && !isOver && !tie.restored && (resumed || now === undefined)) {
      tie.restored = true;
      return true;
    }
    if (isOver || now === undefined || (!isOwn && !slot.startsWith("@"))) this.#ties.delete(slot);
    return false;
  }

  /** A new session: what went with the old one may be set again. */
  reconnected(): void {
    for (const tie of this.#ties.values()) tie.restored = false;
  }
}
