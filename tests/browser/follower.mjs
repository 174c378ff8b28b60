// Keeps a copy from the JSON lines of `slotcast watch --json`, by section 5 of protocol.md and nothing else.

export class Follower {
  #slots = new Map();
  #have = -1;
  #isWhole = true;
  #waiting = [];

  take(event) {
    if (event.type === "snapshot") this.#snapshot(event);
    if (event.type === "diff") this.#diff(event);
    this.#waiting = this.#waiting.filter(({ version, resolve }) => this.#have < version || resolve());
  }

  /** Settles when the copy has the version. */
  reaches(version) {
    if (this.#have >= version) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ version, resolve }));
  }

  slots() {
    return Object.fromEntries(this.#slots);
  }

  #snapshot({ version, slots, more }) {
    if (this.#isWhole) this.#slots.clear();
    for (const { slot, value } of slots) this.#slots.set(slot, value);
    this.#isWhole = !more;
    this.#have = version;
  }

  #diff({ from, to, changes }) {
    if (from > this.#have) throw new Error(`a hole: from ${from}, have ${this.#have}`);
    for (const change of changes) if (change.version > this.#have) this.#apply(change);
    this.#have = Math.max(this.#have, to);
  }

  #apply({ change, slot, value, path, items, keep }) {
    const held = this.#slots.get(slot);
    if (change === "set") this.#slots.set(slot, value);
    if (change === "delete") this.#slots.delete(slot);
    if (change === "append") this.#slots.set(slot, [...(held ?? []), ...items].slice(keep ? -keep : 0));
    if (change === "patch") this.#slots.set(slot, patched(held, path, value));
    if (change === "clear") for (const name of this.#slots.keys()) name.startsWith("@") || this.#slots.delete(name);
  }
}

function patched(held, [step, ...rest], value) {
  const copy = structuredClone(held);
  if (rest.length > 0) copy[step] = patched(copy[step], rest, value);
  else if (value !== null) copy[step] = value;
  else if (Array.isArray(copy)) copy.splice(step, 1);
  else delete copy[step];
  return copy;
}

/** The same numbers for the same seed: `roll(n)` is from 0 to n-1. */
export function dice(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}
