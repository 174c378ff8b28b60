// The local copy of one object: what the server has said, and over it what this client has written and not yet seen back.

import type { ChangeRecord, Diff } from "./incoming.ts";
import { isFollowed } from "./names.ts";
import { type Author, appended, applied } from "./ops.ts";
import type { Operation, SlotRecord } from "./protocol.ts";
import { patched, Unfit, type Value } from "./values.ts";

/** A slot of the base. */
export interface BaseSlot {
  readonly value: Value;
  readonly version: number;
  readonly by: string;
}

/** A write that lies over the base. `version`: the server has accepted it as this one. */
export interface Layer {
  readonly ops: readonly Operation[];
  readonly version: number | undefined;
}

/**
 * Reads see the base with the layers over it. Invariant: the base is exactly version `have` of `epoch`,
 * except for slots that a reject showed earlier (`#ahead`), which are as of the version noted there.
 */
export class Copy {
  epoch = 0;
  have = 0;
  /** Rises whenever reads may give something else. */
  revision = 0;
  readonly #patterns: readonly string[] | undefined;
  readonly #base = new Map<string, BaseSlot>();
  readonly #ahead = new Map<string, number>();
  /** What the slots show that layers reach; undefined: no such slot. */
  readonly #view = new Map<string, Value | undefined>();

  constructor(patterns: readonly string[] | undefined) {
    this.#patterns = patterns;
  }

  /** What the slot shows; undefined: no such slot. */
  value(slot: string): Value | undefined {
    return this.#view.has(slot) ? this.#view.get(slot) : this.#base.get(slot)?.value;
  }

  /** The slot as the server has said it. */
  base(slot: string): BaseSlot | undefined {
    return this.#base.get(slot);
  }

  /** Whether layers reach the slot. */
  isCovered(slot: string): boolean {
    return this.#view.has(slot);
  }

  follows(slot: string): boolean {
    return isFollowed(slot, this.#patterns);
  }

  coveredSlots(): Iterable<string> {
    return this.#view.keys();
  }

  *entries(): Generator<[string, Value]> {
    for (const [slot, { value }] of this.#base) if (!this.#view.has(slot)) yield [slot, value];
    for (const [slot, value] of this.#view) if (value !== undefined) yield [slot, value];
  }

  /** The version up to which all these slots are known. */
  seen(slots: Iterable<string>): number {
    let seen = Number.POSITIVE_INFINITY;
    for (const slot of slots) seen = Math.min(seen, Math.max(this.have, this.#ahead.get(slot) ?? 0));
    return Number.isFinite(seen) ? seen : this.have;
  }

  /** A snapshot replaces the base, whatever it was. */
  replace(epoch: number, version: number, slots: readonly SlotRecord[]): void {
    this.revision++;
    this.epoch = epoch;
    this.have = version;
    this.#base.clear();
    this.#ahead.clear();
    for (const { slot, value, version, by } of slots) this.#base.set(slot, { value, version, by });
  }

  /**
   * Takes a diff with `from <= have`. Returns the changes that the base did not have yet.
   * @throws Unfit when a change does not fit: the copy is at fault and must be replaced.
   */
  apply(diff: Diff): ChangeRecord[] {
    this.revision++;
    const news = diff.changes.filter((change) => change.version > this.have && this.#take(change));
    this.have = Math.max(this.have, diff.to);
    for (const [slot, version] of this.#ahead) if (version <= this.have) this.#ahead.delete(slot);
    return news;
  }

  #take(change: ChangeRecord): boolean {
    if (change.change === "clear") {
      for (const slot of this.#base.keys()) {
        if (!slot.startsWith("@") && (this.#ahead.get(slot) ?? 0) < change.version) this.#base.delete(slot);
      }
      return true;
    }
    if (change.version <= (this.#ahead.get(change.slot) ?? 0)) return false;
    const value = changed(this.#base.get(change.slot)?.value, change);
    if (value === undefined) this.#base.delete(change.slot);
    else this.#base.set(change.slot, { value, version: change.version, by: change.by });
    return true;
  }

  /** Slots as a reject showed them at `version`; changes up to there are skipped when they come. */
  win(winners: readonly SlotRecord[], version: number): void {
    if (version <= this.have) return;
    this.revision++;
    for (const { slot, value, version: slotVersion, by } of winners) {
      if (!this.follows(slot)) continue;
      if (value === null) this.#base.delete(slot);
      else this.#base.set(slot, { value, version: slotVersion, by });
      this.#ahead.set(slot, version);
    }
  }

  /** Lays these writes over the base, in order, instead of those before. */
  cover(layers: Iterable<Layer>, author: Author): void {
    this.revision++;
    this.#view.clear();
    for (const layer of layers) this.lay(layer, author);
  }

  /** One more write on top. One that does not fit shows nothing: the server will reject it. */
  lay(layer: Layer, author: Author): void {
    this.revision++;
    const scratch = new Map<string, Value | undefined>();
    const shown = (slot: string) => (scratch.has(slot) ? scratch.get(slot) : this.value(slot));
    try {
      for (const operation of layer.ops) {
        if (operation.op === "clear") {
          for (const [slot] of this.entries()) if (!slot.startsWith("@")) scratch.set(slot, undefined);
          for (const slot of scratch.keys()) if (!slot.startsWith("@")) scratch.set(slot, undefined);
        } else if (this.follows(operation.slot) && !this.#contains(operation.slot, layer.version)) {
          scratch.set(operation.slot, applied(shown(operation.slot), operation, author));
        }
      }
    } catch (error) {
      if (error instanceof Unfit) return;
      throw error;
    }
    for (const [slot, value] of scratch) this.#view.set(slot, value);
  }

  /** Whether the base's slot is a later one than the write made. */
  #contains(slot: string, version: number | undefined): boolean {
    return version !== undefined && version <= (this.#ahead.get(slot) ?? 0);
  }
}

function changed(held: Value | undefined, change: Exclude<ChangeRecord, { change: "clear" }>): Value | undefined {
  switch (change.change) {
    case "set":
      return change.value ?? undefined;
    case "delete":
      return undefined;
    case "patch":
      return patched(held, change.path, change.value);
    case "append":
      return appended(held, change.items, change.keep);
  }
}
