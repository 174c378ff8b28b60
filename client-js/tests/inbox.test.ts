// Stories of the inbox: each entry once per device and in order, over cuts and page loads; windows, receipts, signals.

import { afterEach, beforeEach, expect, test } from "vitest";
import type { Slotcast } from "../src/client.ts";
import { type CursorStore, cursorOf, memoryCursors } from "../src/cursors.ts";
import type { InboxCursor } from "../src/relay-protocol.ts";
import { Scene } from "./scene.ts";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.end());

/** A store whose disk outlives the page, and that takes its time. */
class Shelf implements CursorStore {
  isBroken = false;
  /** The page is gone: what it has begun to save is not saved. */
  isDead = false;

  constructor(readonly disk: { kept?: InboxCursor } = {}) {}

  async load(): Promise<InboxCursor | undefined> {
    await this.#turn();
    return this.disk.kept;
  }

  async save(cursor: InboxCursor): Promise<void> {
    await this.#turn();
    this.disk.kept = cursor;
  }

  async #turn(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 3));
    if (this.isDead) await new Promise(() => {});
    if (this.isBroken) throw new Error("no room");
  }
}

/** What the inbox of `client` tells, a line each. */
function heardBy(client: Slotcast): string[] {
  const lines: string[] = [];
  const { inbox } = client;
  inbox.on("message", ({ seq, from, body }) => lines.push(`${seq} ${from}: ${body}`));
  inbox.on("copy", ({ seq, to, body, at }) => lines.push(`${seq} to ${to}: ${body} at ${at}`));
  inbox.on("receipt", ({ user, delivered, read }) => lines.push(`${user} has ${delivered}, has read ${read}`));
  inbox.on("seen", ({ user, read }) => lines.push(`seen ${user} ${read}`));
  inbox.on("missed", ({ to }) => lines.push(`missed ${to}`));
  inbox.on("current", ({ seq }) => lines.push(`current ${seq}`));
  inbox.on("signal", ({ from, kind, body }) => lines.push(`${from} ${kind} ${body}`));
  return lines;
}

const messages = (lines: readonly string[]) => lines.filter((line) => line.includes("alice:"));

test("what waited comes in order, then what happens; all of it is acknowledged in few words", async () => {
  for (const body of [1, 2, 3]) scene.relay.write("alice", "bob", body);
  const lines = heardBy(scene.client("bob"));
  await scene.pass(200);
  expect(lines).toEqual(["1 alice: 1", "2 alice: 2", "3 alice: 3", "current 3"]);
  expect(scene.relay.acks).toEqual([3]);
  scene.relay.write("alice", "bob", 4);
  await scene.pass(200);
  expect([lines.at(-1), scene.relay.acks]).toEqual(["4 alice: 4", [3, 4]]);
});

test("an entry that comes again is acknowledged and not handed out again", async () => {
  scene.relay.write("alice", "bob", 1);
  scene.relay.write("alice", "bob", 2);
  const lines = heardBy(scene.client("bob"));
  await scene.pass(200);
  const again = scene.relay.home("bob").entries[0]?.frame ?? [];
  scene.relay.link("bob").tell(again);
  await scene.pass(200);
  expect([lines, scene.relay.acks]).toEqual([
    ["1 alice: 1", "2 alice: 2", "current 2"],
    [2, 2],
  ]);
});

test("a message has all that its sender gave it", async () => {
  const bob = scene.client("bob");
  const got: unknown[] = [];
  bob.inbox.on("message", (message) => got.push(message));
  scene
    .client("alice")
    .person("bob")
    .tell({ deep: [1n, new Uint8Array([1])] }, { kind: "text" });
  await scene.pass(200);
  const [, seq, from, id, , time] = scene.relay.home("bob").entries[0]?.frame ?? [];
  expect(got).toEqual([{ seq, from, id, time, body: { deep: [1, new Uint8Array([1])] }, kind: "text" }]);
});

test("each entry comes once and in order, wherever the line is cut", async () => {
  for (let step = 1; ; step++) {
    scene.end();
    scene = new Scene();
    scene.relay.window = 3;
    for (let body = 1; body <= 5; body++) scene.relay.write("alice", "bob", body);
    scene.relay.messages_left = step;
    const bob = scene.client("bob", { cursors: new Shelf() });
    const lines = heardBy(bob);
    await scene.pass(60);
    for (let body = 6; body <= 8; body++) scene.relay.write("alice", "bob", body);
    await scene.pass(3000);
    scene.relay.write("alice", "bob", 9);
    await scene.pass(3000);
    const all = Array.from({ length: 9 }, (_, at) => `${at + 1} alice: ${at + 1}`);
    expect([step, messages(lines)]).toEqual([step, all]);
    expect([step, scene.relay.home("bob").devices.get("device-bob")]).toEqual([step, 9]);
    if (scene.relay.messages_left > 0) break;
  }
});

test("over page loads each entry comes once and in order, whenever the page is left", async () => {
  const all = Array.from({ length: 12 }, (_, at) => `${at + 1} alice: ${at + 1}`);
  for (let left_ms = 20; left_ms < 160; left_ms++) {
    scene.end();
    scene = new Scene();
    scene.relay.window = 3;
    for (let body = 1; body <= 12; body++) scene.relay.write("alice", "bob", body);
    const first = new Shelf();
    const page = scene.client("bob", { cursors: first });
    const before = heardBy(page);
    await scene.pass(left_ms);
    first.isDead = true;
    for (const link of scene.relay.links) link.cut();
    page.close();
    const after = heardBy(scene.client("bob", { cursors: new Shelf(first.disk) }));
    await scene.pass(3000);
    expect([left_ms, [...messages(before), ...messages(after)]]).toEqual([left_ms, all]);
  }
});

test("without a cursor of its own the device goes on from what it has acknowledged", async () => {
  scene.relay.write("alice", "bob", 1);
  const bob = scene.client("bob");
  heardBy(bob);
  await scene.pass(200);
  bob.close();
  scene.relay.write("alice", "bob", 2);
  const lines = heardBy(scene.client("bob"));
  await scene.pass(200);
  expect(lines).toEqual(["2 alice: 2", "current 2"]);
});

test("what was handed out is acknowledged before the client closes", async () => {
  const bob = scene.client("bob");
  heardBy(bob);
  await scene.pass(200);
  scene.relay.write("alice", "bob", 1);
  await scene.pass(15);
  const link = scene.relay.link("bob");
  link.close = () => {};
  bob.close();
  await scene.pass(200);
  expect(link.received.at(-1)).toEqual([34, 1]);
});

test("an inbox that begins anew is read from its beginning", async () => {
  const cursors = new Shelf();
  for (const body of [1, 2]) scene.relay.write("alice", "bob", body);
  const lines = heardBy(scene.client("bob", { cursors }));
  await scene.pass(200);
  scene.relay.link("bob").cut();
  scene.relay.forget("bob");
  scene.relay.write("alice", "bob", "new");
  await scene.pass(2000);
  expect(messages(lines)).toEqual(["1 alice: 1", "2 alice: 2", "1 alice: new"]);
  expect(cursors.disk.kept).toEqual({ epoch: scene.relay.home("bob").epoch, seq: 1 });
});

test("a cursor that the server does not know is given up for what it remembers", async () => {
  const cursors = new Shelf();
  cursors.disk.kept = { epoch: scene.relay.home("bob").epoch, seq: 40 };
  scene.relay.write("alice", "bob", 1);
  const bob = scene.client("bob", { cursors });
  const errors: string[] = [];
  bob.on("error", ({ code }) => errors.push(code));
  const lines = heardBy(bob);
  await scene.pass(500);
  expect([lines, errors]).toEqual([["1 alice: 1", "current 1"], ["bad_field"]]);
});

test("an inbox that cannot be opened now is asked for again, from the same place", async () => {
  const cursors = new Shelf();
  cursors.disk.kept = { epoch: scene.relay.home("bob").epoch, seq: 1 };
  scene.relay.write("alice", "bob", 1);
  scene.relay.write("alice", "bob", 2);
  scene.relay.refusals.push("unavailable");
  const lines = heardBy(scene.client("bob", { cursors }));
  await scene.pass(4000);
  expect(lines).toEqual([]);
  await scene.pass(2000);
  expect(lines).toEqual(["2 alice: 2", "current 2"]);
  const opens = scene.relay.link("bob").received.filter(([code]) => code === 32);
  expect(opens).toEqual([opens[0], opens[0]]);
});

test("a store that fails is told of, and costs no message", async () => {
  const cursors = new Shelf();
  cursors.isBroken = true;
  scene.relay.write("alice", "bob", 1);
  const bob = scene.client("bob", { cursors });
  const errors: string[] = [];
  bob.on("error", ({ what }) => errors.push(what));
  const lines = heardBy(bob);
  await scene.pass(500);
  expect(lines).toEqual(["1 alice: 1", "current 1"]);
  expect(new Set(errors)).toEqual(new Set(["the inbox's cursor is not kept: no room"]));
});

test("nothing is handed out while nobody listens, and then everything", async () => {
  const bob = scene.client("bob");
  const ears = new AbortController();
  const lines: unknown[] = [];
  bob.inbox.on("message", ({ body }) => lines.push(body), { signal: ears.signal });
  await scene.pass(200);
  scene.relay.write("alice", "bob", 1);
  await scene.pass(200);
  ears.abort();
  scene.relay.write("alice", "bob", 2);
  await scene.pass(200);
  expect([lines, scene.relay.acks]).toEqual([[1], [1]]);
  bob.inbox.on("message", ({ body }) => lines.push(body));
  await scene.pass(200);
  expect([lines, scene.relay.acks]).toEqual([
    [1, 2],
    [1, 2],
  ]);
});

test("a month of messages comes in pages, of which each is acknowledged before it is over", async () => {
  for (let body = 0; body < 500; body++) scene.relay.write("alice", "bob", body);
  const lines = heardBy(scene.client("bob"));
  let most = 0;
  for (let ms = 0; ms < 1500; ms += 10) {
    await scene.pass(10);
    for (const session of scene.relay.sessions) most = Math.max(most, session.onWay.length);
  }
  expect([messages(lines).length, lines.at(-1), most]).toEqual([500, "current 500", 64]);
  expect(scene.relay.acks.length).toBeLessThan(20);
});

test("what was missed is told before what comes next", async () => {
  for (const body of [1, 2, 3, 4]) scene.relay.write("alice", "bob", body);
  const home = scene.relay.home("bob");
  home.entries.splice(0, 2);
  home.lost_to = 2;
  const lines = heardBy(scene.client("bob"));
  await scene.pass(200);
  expect(lines).toEqual(["missed 2", "3 alice: 3", "4 alice: 4", "current 4"]);
});

test("the sender's other device gets a copy, and hears what the recipient has and has read", async () => {
  const phone = scene.client("alice", { device: "phone" });
  const laptop = heardBy(scene.client("alice", { device: "laptop" }));
  const onPhone = heardBy(phone);
  const bob = scene.client("bob");
  const bobs = heardBy(bob);
  const tablet = heardBy(scene.client("bob", { device: "tablet" }));
  await scene.pass(200);
  const { at } = await Promise.all([phone.person("bob").tell("hi"), scene.pass(300)]).then(([told]) => told);
  expect(laptop).toEqual(["current 0", `1 to bob: hi at ${at}`, `bob has ${at}, has read 0`]);
  expect(onPhone).toEqual(["current 0", `bob has ${at}, has read 0`]);
  bob.person("alice").read(at);
  await scene.pass(300);
  expect(onPhone.at(-1)).toBe(`bob has ${at}, has read ${at}`);
  expect(tablet.at(-1)).toBe(`seen alice ${at}`);
  expect(bobs).toEqual(["current 0", `1 alice: hi`]);
});

test("what was read while there was no connection is told in the next, and never less", async () => {
  scene.relay.write("alice", "bob", 1);
  scene.relay.write("alice", "bob", 2);
  const alices = heardBy(scene.client("alice"));
  const bob = scene.client("bob");
  heardBy(bob);
  await scene.pass(300);
  scene.relay.link("bob").cut();
  bob.person("alice").read(2);
  bob.person("alice").read(1);
  await scene.pass(2000);
  expect(alices.at(-1)).toBe("bob has 2, has read 2");
  expect(() => bob.person("alice").read(-1)).toThrow("bad_field");
});

test("signals reach who is there, and are not kept", async () => {
  const alice = scene.client("alice");
  const lines = heardBy(scene.client("bob"));
  await scene.pass(200);
  alice.person("bob").signal("typing", true);
  await scene.pass(200);
  // Its socket was opened for it, too late.
  expect(lines).toEqual(["current 0"]);
  alice.person("bob").signal("typing", true);
  alice.person("bob").signal("ring");
  await scene.pass(200);
  expect(lines).toEqual(["current 0", "alice typing true", "alice ring null"]);
  expect(scene.relay.home("bob").last).toBe(0);
  const errors: string[] = [];
  alice.on("error", ({ code }) => errors.push(code));
  scene.relay.refusals.push("not_permitted", "too_fast");
  for (const kind of ["a", "b"]) alice.person("bob").signal(kind);
  await scene.pass(200);
  expect(errors).toEqual(["not_permitted"]);
  // More than the server takes are not even sent.
  for (let count = 0; count < 300; count++) alice.person("bob").signal("typing");
  await scene.pass(200);
  expect(scene.relay.link("alice").received.length).toBeLessThan(100);
});

test("a listener that fails stops no other, and no acknowledgement", async () => {
  const failures: unknown[] = [];
  const caught = (error: unknown) => void failures.push(error);
  process.on("uncaughtException", caught);
  const bob = scene.client("bob");
  bob.inbox.on("message", () => {
    throw new Error("a listener's own");
  });
  const lines = heardBy(bob);
  scene.relay.write("alice", "bob", 1);
  await scene.pass(300);
  process.off("uncaughtException", caught);
  expect([lines, scene.relay.acks]).toEqual([["1 alice: 1", "current 1"], [1]]);
});

test("the connection's state is told", async () => {
  const bob = scene.client("bob");
  const states: string[] = [];
  bob.inbox.on("state", (state) => states.push(state));
  await scene.pass(200);
  expect(states).toEqual([]);
  heardBy(bob);
  await scene.pass(200);
  scene.relay.link("bob").cut();
  await scene.pass(1000);
  expect(states).toEqual(["connecting", "live", "offline", "connecting", "live"]);
});

test("a cursor is what was kept as one", async () => {
  for (const kept of [undefined, null, 1, {}, { epoch: 1 }, { epoch: 1, seq: "2" }, { epoch: -1, seq: 2 }]) {
    expect(cursorOf(kept)).toBeUndefined();
  }
  expect(cursorOf({ epoch: 1, seq: 2, more: 3 })).toEqual({ epoch: 1, seq: 2 });
  const cursors = memoryCursors();
  expect(await cursors.load()).toBeUndefined();
  await cursors.save({ epoch: 1, seq: 2 });
  expect(await cursors.load()).toEqual({ epoch: 1, seq: 2 });
});
