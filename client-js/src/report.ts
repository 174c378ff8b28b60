// Report: what one frame did to what the slots show, told to the listeners after the whole of it is applied.

import type { Copy } from "./copy.ts";
import type { Emitter } from "./events.ts";
import type { Happenings } from "./happenings.ts";
import type { ChangeRecord } from "./incoming.ts";
import type { Rejected } from "./rejected.ts";
import { sameValue, type Value } from "./values.ts";

/** Who changed a slot last in a frame, and when. */
interface Author {
  readonly version: number;
  readonly by: string;
}

export class Report {
  readonly #before: ReadonlyMap<string, Value | undefined>;
  readonly #reached = new Map<string, Author>();
  #cleared: Author | undefined;

  /** Made before the frame is applied; `slots` are those that it may reach. */
  constructor(
    readonly copy: Copy,
    readonly events: Emitter<Happenings>,
    /** Versions of this client's own writes. */
    readonly successes: ReadonlySet<number>,
    slots: Iterable<string>,
  ) {
    this.#before = new Map(Array.from(slots, (slot) => [slot, copy.value(slot)]));
  }

  /** A diff brought these. */
  changes(news: readonly ChangeRecord[]): void {
    for (const change of news) {
      const { version, by } = change;
      if (change.change !== "clear") {
        this.#reached.set(change.slot, { version, by });
        continue;
      }
      this.#cleared = { version, by };
      for (const slot of this.#reached.keys()) if (!slot.startsWith("@")) this.#reached.delete(slot);
    }
  }

  /** A snapshot took the place of the base: what differs is told; all of it, if the object is another one. */
  snapshot(isOther: boolean): void {
    const { have } = this.copy;
    if (isOther) this.#cleared = { version: have, by: "" };
    for (const [slot, old] of this.#before) {
      const base = this.copy.base(slot);
      const differs = !sameValue(old, this.copy.value(slot));
      if (isOther ? base !== undefined : differs) this.#reached.set(slot, base ?? { version: have, by: "" });
    }
  }

  /** Tells `clear`, then what happened to each slot, then `sync`. */
  tell(): void {
    if (this.#cleared) this.events.emit("clear", this.#cleared);
    for (const [slot, author] of this.#reached) this.#tellSlot(slot, author);
    const slots = this.#cleared ? new Set([...this.#before.keys(), ...this.#reached.keys()]) : this.#reached.keys();
    this.events.emit("sync", { slots: [...slots], version: this.copy.have });
  }

  #tellSlot(slot: string, { version, by }: Author): void {
    const old = this.#before.get(slot);
    const value = this.copy.value(slot);
    if (this.successes.has(version)) this.events.emit("success", { slot, value, old, version });
    // Under a pending write that hides it nothing has happened yet for who looks.
    else if (this.copy.isCovered(slot) && sameValue(old, value)) return;
    else if (value === undefined) this.events.emit("delete", { slot, value, old, version, by });
    else this.events.emit("change", { slot, value, old, version, by });
  }

  /** The write of these slots was taken back. */
  refused(written: ReadonlySet<string>, rejected: Rejected): void {
    const { code, what, version } = rejected;
    for (const slot of written) {
      this.events.emit("reject", {
        slot,
        value: this.copy.value(slot),
        old: this.#before.get(slot),
        code,
        what,
        version,
      });
    }
    for (const winner of rejected.winners) {
      const changed = !sameValue(this.#before.get(winner.slot), this.copy.value(winner.slot));
      if (!written.has(winner.slot) && changed) this.#tellSlot(winner.slot, winner);
    }
    this.events.emit("sync", { slots: [...this.#before.keys()], version: this.copy.have });
  }
}
