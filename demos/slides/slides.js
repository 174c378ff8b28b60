// The sample deck. A slide is words: a layout, what it shows, and how many steps it takes to show it all.
export const slides = [
  {
    layout: "title",
    title: "Slotcast",
    under: "Objects that everyone on the page shares",
    notes: "You are looking at one: this deck is an object, and the number of this slide is a slot in it.",
  },
  {
    layout: "object",
    title: "An object is slots and a version",
    name: "auction/42",
    states: [
      { version: 7, say: "Everyone who opens it holds a copy.", slots: { lot: "telescope", price: "410", leader: "ada" } },
      { version: 8, say: "A write is accepted: one version more.", slots: { lot: "telescope", price: "430", leader: "eve" } },
      { version: 9, say: "Someone comes: a slot of their own.", slots: { lot: "telescope", price: "430", leader: "eve", "@tim": "watching" } },
      { version: 10, say: "They go: it goes with them. No ghosts.", slots: { lot: "telescope", price: "430", leader: "eve" } },
    ],
    notes: "Each accepted write raises the version by one, and everyone is told of it in the same order.",
  },
  {
    layout: "rules",
    title: "Two write at once. Who wins?",
    rules: [
      ["guarded", "whoever had seen the latest"],
      ["last", "whoever came last"],
      ["max", "the higher bid, always"],
      ["once", "whoever came first"],
      ["append", "both, one after the other"],
    ],
    notes: "Each slot has a rule. Whoever loses is told what stands there now, so no page shows a value that is not true.",
  },
  {
    layout: "behind",
    title: "Late, slow, away: all the same",
    rows: [
      ["a page that is live", 1, "nothing to catch up"],
      ["a slow phone", 0.86, "skips the values in between"],
      ["a train in a tunnel", 0.52, "gets the difference"],
      ["you, just now", 0, "got a snapshot"],
    ],
    notes: "Everyone is a cursor into the object, some amount behind. One function brings any of them up to date.",
  },
  {
    layout: "title",
    title: "Your turn",
    under: "Open this page on a phone, take the floor, and turn the slide for everyone",
    notes: "Try the rest: applaud, hold the mouse button to point, look back at an earlier slide, pull the plug and come back.",
  },
];

/** How many steps a slide has after its first picture. */
export function lastStep({ layout, states, rules, rows }) {
  switch (layout) {
    case "object": return states.length - 1;
    case "rules": return rules.length - 1;
    case "behind": return rows.length - 1;
    default: return 0;
  }
}
