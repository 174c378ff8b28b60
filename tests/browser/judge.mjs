// The judge: what random writers were told, against what is there in the end. What was acknowledged is there, once; what was refused is not.
import assert from "node:assert/strict";

export const newTally = () => ({ done: 0, added: 0, turns: 0, kept: [], refused: [], codes: {} });

/**
 * So many random writes to `scene.so`, a few in each tick; `scene.tally` says what became of them, and `scene.running` is over when all are answered.
 * It stands for itself, because it runs in pages too.
 */
export function write(scene, [name, count, seed]) {
  const { so, tally } = scene;
  let state = seed;
  const roll = (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const settled = (promise, then) =>
    promise.then(then, ({ code }) => {
      tally.codes[code] = (tally.codes[code] ?? 0) + 1;
    });
  const one = (number) => {
    const tag = `${name}-${number}`;
    switch (roll(7)) {
      case 0:
        return settled(so.add("count", 1), () => tally.added++);
      case 1:
        return settled(so.set(`plain.${roll(20)}`, { tag, more: [number, "ä"] }), () => {});
      case 2:
        return settled(so.patch("map", [`k${roll(30)}`], roll(4) ? tag : null), () => {});
      case 3:
        return settled(so.delete(`plain.${roll(20)}`), () => {});
      case 4:
        return settled(so.transact((tx) => void tx.set("turn", (tx.get("turn") ?? 0) + 1)), () => tally.turns++);
      default: {
        const kept = so.append(`log.${roll(16)}`, tag);
        return kept.then(
          () => tally.kept.push(tag),
          () => tally.refused.push(tag),
        );
      }
    }
  };
  const run = async () => {
    const all = [];
    for (let number = 0; number < count; ) {
      const burst = Array.from({ length: Math.min(1 + roll(40), count - number) }, () => one(number++));
      all.push(...burst);
      await (roll(3) ? Promise.race(burst) : Promise.all(burst));
      tally.done = number;
      await new Promise((next) => setTimeout(next));
    }
    await Promise.all(all);
  };
  scene.running = run();
}

/** The slots in the end, and all tallies. */
export function agreed(slots, tallies) {
  const logged = Object.entries(slots).flatMap(([slot, value]) => (slot.startsWith("log.") ? value : []));
  assert.equal(new Set(logged).size, logged.length, "nothing is there twice");
  assert.deepEqual(logged.toSorted(), tallies.flatMap(({ kept }) => kept).toSorted(), "what was acknowledged is there, and nothing else");
  assert.equal(slots.count ?? 0, tallies.reduce((sum, { added }) => sum + added, 0), "each addition counts once");
  assert.equal(slots.turn ?? 0, tallies.reduce((sum, { turns }) => sum + turns, 0), "each transaction counts once");
}
