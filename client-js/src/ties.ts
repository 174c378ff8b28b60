// Ties: slots that go with this client's session (tied ones and the own status), to be set again in the next.

import type { Entry } from "./outbox.ts";

/** One such slot, as this client last set it. */
export interface Tie {
  readonly version: number;
  readonly ttl_ms: number | undefined;
  /** When its time is over, on the local clock; from then on it is not set again. */
  readonly expires_ms: number;
  /** It was set again on this connection already: a second time would be an endless loop. */
  restored: boolean;
}

export class Ties {
  readonly #ties = new Map<string, Tie>();

  *[Symbol.iterator](): Generator<[string, Tie]> {
    yield* this.#ties;
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
      } else if (this.#ties.has(operation.slot)) {
        // Other operations leave the tie as it is, but the slot is at a later version.
        const tie = this.#ties.get(operation.slot);
        if (tie) this.#ties.set(operation.slot, { ...tie, version });
      }
    }
  }

  #cleared(): void {
    for (const slot of this.#ties.keys()) if (!slot.startsWith("@")) this.#ties.delete(slot);
  }

  /** Somebody else has the slot now. */
  drop(slot: string): void {
    this.#ties.delete(slot);
  }

  dropAll(): void {
    this.#ties.clear();
  }

  /** A new session: what went with the old one may be set again. */
  reconnected(): void {
    for (const tie of this.#ties.values()) tie.restored = false;
  }
}
