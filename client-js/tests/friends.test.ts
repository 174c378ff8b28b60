// Stories of friends: a live list, edits, deltas and their fingerprints, statuses.

import { afterEach, beforeEach, expect, test } from "vitest";
import type { Slotcast } from "../src/client.ts";
import type { Rejected } from "../src/rejected.ts";
import { Scene } from "./scene.ts";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.end());

const codeOf = (promise: Promise<unknown>) => promise.then(String, (error: Rejected) => error.code);
const shown = (client: Slotcast) => client.friends.list().map(({ id, sub }) => `${id} ${sub}`);
const told = (user: string, code: number) => scene.relay.link(user).received.filter(([type]) => type === code);

test("two become friends, and both lists say so", async () => {
  const alice = scene.client("alice");
  const bob = scene.client("bob");
  const changes: (readonly string[])[] = [];
  bob.friends.on("change", ({ people }) => changes.push(people));
  expect([alice.friends.list(), alice.friends.get("bob")]).toEqual([[], undefined]);
  await Promise.all([scene.pass(200), alice.friends.ready, bob.friends.ready]);
  await Promise.all([alice.friends.ask("bob"), scene.pass(200)]);
  expect(alice.friends.get("bob")).toMatchObject({ sub: "none", asked: true, approved: true, groups: [] });
  expect([bob.friends.requests(), bob.friends.list()]).toEqual([["alice"], []]);
  await Promise.all([bob.friends.accept("alice"), scene.pass(200)]);
  expect([shown(alice), shown(bob), bob.friends.requests()]).toEqual([["bob both"], ["alice both"], []]);
  expect(changes.flat()).toEqual(["alice", "alice"]);
  expect([alice.friends.divergences, bob.friends.divergences]).toEqual([0, 0]);
});

test("every edit does what it says, and the promise waits until the list shows it", async () => {
  const { friends } = scene.client("alice");
  const done = (edit: Promise<void>) => Promise.all([edit, scene.pass(200)]);
  scene.relay.rosters.do("zoë", "ask", "alice");
  scene.relay.rosters.do("eve", "ask", "alice");
  await done(friends.ask("bob"));
  await done(friends.alias("bob", "Zebra"));
  await done(friends.groups("bob", ["work", "tea"]));
  expect(friends.get("bob")).toMatchObject({ alias: "Zebra", groups: ["work", "tea"] });
  await done(friends.accept("zoë"));
  await done(friends.decline("eve"));
  expect([friends.list().map(({ id }) => id), friends.requests()]).toEqual([["bob", "zoë"], []]);
  await done(friends.alias("zoë", "Anna"));
  expect(friends.list().map(({ id }) => id)).toEqual(["zoë", "bob"]);
  await done(friends.alias("zoë", null));
  expect(friends.get("zoë")?.alias).toBeUndefined();
  await done(friends.approve("carol"));
  expect(friends.get("carol")).toMatchObject({ sub: "none", approved: true, asked: false });
  await done(friends.approve("carol", false));
  expect(friends.get("carol")).toMatchObject({ sub: "none", approved: false });
  await done(friends.block("carol"));
  await done(friends.block("mallory"));
  expect(friends.blocked()).toEqual(["carol", "mallory"]);
  await done(friends.unblock("carol"));
  expect([friends.blocked(), friends.get("carol")?.sub]).toEqual([["mallory"], "none"]);
  await done(friends.remove("carol"));
  expect([friends.get("carol"), friends.divergences]).toEqual([undefined, 0]);
  // What was touched came as differences.
  expect(told("alice", 37).filter(([, have]) => have === undefined)).toHaveLength(1);
});

test("edits that cannot be, or that the server refuses, are rejected", async () => {
  const { friends } = scene.client("alice");
  const wrong = [
    friends.ask("@bob"),
    friends.ask("zoe\u0308"),
    friends.alias("bob", ""),
    friends.alias("bob", "x".repeat(129)),
    friends.groups("bob", [""]),
    friends.groups("bob", Array.from({ length: 17 }, String)),
  ];
  expect(await Promise.all(wrong.map(codeOf))).toEqual(wrong.map(() => "bad_name"));
  const refused = [friends.alias("bob", "Bob"), friends.accept("carol")].map(codeOf);
  await scene.pass(200);
  expect(await Promise.all(refused)).toEqual(["no_friend", "no_request"]);
});

test("the list and its friends are frozen, and the same until something changes", async () => {
  scene.relay.rosters.do("alice", "ask", "bob");
  const { friends } = scene.client("alice");
  await scene.pass(200);
  const list = friends.list();
  expect([friends.list() === list, friends.get("bob") === list[0]]).toEqual([true, true]);
  expect([list, list[0], list[0]?.groups].every(Object.isFrozen)).toBe(true);
  scene.relay.rosters.do("alice", "ask", "carol");
  await scene.pass(200);
  expect([friends.list() === list, friends.list().length, list.length]).toEqual([false, 2, 1]);
});

test("after a cut it asks for what is new, and an edit without an answer is said again", async () => {
  const alice = scene.client("alice");
  scene.relay.rosters.do("alice", "ask", "bob");
  await Promise.all([alice.friends.ready, scene.pass(200)]);
  scene.relay.isDeaf = true;
  const edited = alice.friends.ask("carol");
  await scene.pass(200);
  scene.relay.link("alice").cut();
  scene.relay.isDeaf = false;
  scene.relay.rosters.do("bob", "accept", "alice");
  expect(shown(alice)).toEqual(["bob none"]);
  await Promise.all([edited, scene.pass(2000)]);
  expect(shown(alice)).toEqual(["bob both", "carol none"]);
  expect(told("alice", 37).map(([, have]) => typeof have)).toEqual(["string", "string", "string"]);
  expect(alice.friends.divergences).toBe(0);
});

test("the list agrees with the server's, wherever the line is cut", async () => {
  for (let step = 1; ; step++) {
    scene.end();
    scene = new Scene();
    scene.relay.messages_left = step;
    const alice = scene.client("alice");
    const bob = scene.client("bob");
    bob.friends.requests();
    const edits = [alice.friends.ask("bob"), alice.friends.alias("bob", "Bob"), alice.friends.block("eve")];
    await scene.pass(2000);
    edits.push(bob.friends.accept("alice"), alice.friends.groups("bob", ["tea"]), alice.friends.unblock("eve"));
    await scene.pass(8000);
    await Promise.all(edits);
    expect([step, alice.friends.list()]).toEqual([step, [expect.objectContaining({ alias: "Bob", sub: "both" })]]);
    expect([shown(bob), alice.friends.get("bob")?.groups, alice.friends.blocked()]).toEqual([
      ["alice both"],
      ["tea"],
      [],
    ]);
    expect([alice.friends.divergences, bob.friends.divergences]).toEqual([0, 0]);
    if (scene.relay.messages_left > 0) break;
  }
});

test("of many changes at once few are asked for: one question at a time", async () => {
  const alice = scene.client("alice");
  await Promise.all([alice.friends.ready, scene.pass(200)]);
  const before = told("alice", 37).length;
  for (let count = 0; count < 50; count++) scene.relay.rosters.do("alice", "ask", `friend-${count}`);
  await scene.pass(200);
  expect([alice.friends.list().length, told("alice", 37).length - before]).toEqual([50, 2]);
});

test("a difference that does not lead to the server's list is met with the whole", async () => {
  const alice = scene.client("alice");
  scene.relay.rosters.do("alice", "ask", "bob");
  await Promise.all([alice.friends.ready, scene.pass(200)]);
  const seen: string[] = [];
  alice.friends.on("change", () => seen.push(shown(alice).join()));
  scene.relay.rosters.lies.push({ 1: "both" });
  scene.relay.rosters.do("alice", "ask", "carol");
  await scene.pass(200);
  expect([shown(alice), seen]).toEqual([["bob none", "carol none"], ["bob none,carol none"]]);
  expect([alice.friends.divergences, told("alice", 37).at(-1)]).toEqual([1, [37]]);
});

test("a whole list that is not under its fingerprint is shown, counted, and not asked for without end", async () => {
  scene.relay.rosters.do("alice", "ask", "bob");
  scene.relay.rosters.lies.push({ 4: "not the alias" });
  const alice = scene.client("alice");
  await Promise.all([alice.friends.ready, scene.pass(2000)]);
  expect([alice.friends.get("bob")?.alias, alice.friends.divergences]).toEqual(["not the alias", 1]);
  expect(told("alice", 37)).toEqual([[37]]);
  // It is no copy to claim: the next question is for the whole.
  scene.relay.rosters.do("alice", "alias", "bob", "Bob");
  await scene.pass(200);
  expect([alice.friends.get("bob")?.alias, told("alice", 37).at(-1)]).toEqual(["Bob", [37]]);
});

test("messages carry the tag of the list, and a server that never had such a list says so", async () => {
  const alice = scene.client("alice");
  scene.relay.rosters.do("alice", "ask", "bob");
  await Promise.all([alice.friends.ready, scene.pass(200)]);
  alice.person("bob").tell(1);
  await scene.pass();
  expect(told("alice", 33)[0]?.[5]).toBe(scene.relay.rosters.tags("alice")[0]);
  scene.relay.rosters.renew("alice");
  scene.relay.link("alice").tell([60, true]);
  await scene.pass();
  expect(told("alice", 37).at(-1)).toEqual([37]);
  expect([shown(alice), alice.friends.divergences]).toEqual([["bob none"], 0]);
});

test("a list that begins anew while there is no connection is taken whole", async () => {
  const alice = scene.client("alice");
  scene.relay.rosters.do("alice", "ask", "bob");
  await Promise.all([alice.friends.ready, scene.pass(200)]);
  scene.relay.link("alice").cut();
  scene.relay.rosters.renew("alice");
  scene.relay.rosters.do("alice", "remove", "bob");
  scene.relay.rosters.do("alice", "ask", "carol");
  await scene.pass(2000);
  expect([shown(alice), alice.friends.divergences]).toEqual([["carol none"], 0]);
});

test("a list that cannot be had now is asked for again", async () => {
  scene.relay.rosters.do("alice", "ask", "bob");
  scene.relay.refusals.push("unavailable");
  const alice = scene.client("alice");
  const errors: string[] = [];
  alice.on("error", ({ code }) => errors.push(code));
  expect(alice.friends.list()).toEqual([]);
  await scene.pass(4000);
  expect([errors, shown(alice)]).toEqual([["unavailable"], []]);
  await scene.pass(2000);
  expect(shown(alice)).toEqual(["bob none"]);
});

test("a client that closes leaves no promise open", async () => {
  scene.relay.isDown = true;
  const alice = scene.client("alice");
  const promises = [alice.friends.ready, alice.friends.ask("bob")].map(codeOf);
  await scene.pass(1000);
  alice.close();
  expect(await Promise.all(promises)).toEqual(["released", "released"]);
  expect(await codeOf(alice.friends.ask("bob"))).toBe("released");
});

// ---- statuses

/** Two friends, and what alice is told. */
async function friends(): Promise<{ alice: Slotcast; bob: Slotcast; seen: string[] }> {
  scene.relay.rosters.do("alice", "ask", "bob");
  scene.relay.rosters.do("bob", "accept", "alice");
  const alice = scene.client("alice");
  const bob = scene.client("bob");
  const seen: string[] = [];
  alice.friends.on("change", () => {
    const { state, body } = alice.friends.get("bob")?.status ?? {};
    seen.push(`${state} ${body}`);
  });
  await Promise.all([alice.friends.ready, scene.pass(200)]);
  seen.length = 0;
  return { alice, bob, seen };
}

test("friends see how one is, and it is said again in the next session", async () => {
  const { alice, bob, seen } = await friends();
  expect(alice.person("bob").status).toEqual({ state: "offline", body: null, since: undefined });
  bob.status.set({ state: "away" });
  bob.status.set({ state: "busy", body: "in a meeting" });
  await scene.pass();
  const since = Date.now() - 60;
  expect(told("bob", 39)).toEqual([[39, "busy", "in a meeting"]]);
  expect([alice.person("bob").status, bob.status.said]).toEqual([
    { state: "busy", body: "in a meeting", since },
    { state: "busy", body: "in a meeting" },
  ]);
  expect(alice.friends.get("bob")?.status).toBe(alice.person("bob").status);
  scene.relay.link("bob").cut();
  await scene.pass(2000);
  expect(seen).toEqual(["busy in a meeting", "offline null", "busy in a meeting"]);
  bob.status.clear();
  await scene.pass();
  expect([seen.at(-1), bob.status.said]).toEqual(["offline null", undefined]);
  scene.relay.link("bob").cut();
  await scene.pass(2000);
  expect(told("bob", 39)).toEqual([]);
});

test("over a cut of one's own the others do not flicker, and who left meanwhile is gone", async () => {
  scene.relay.rosters.do("alice", "ask", "carol");
  scene.relay.rosters.do("carol", "accept", "alice");
  const { alice, bob } = await friends();
  const carol = scene.client("carol");
  bob.status.set({ state: "online" });
  carol.status.set({ state: "online" });
  await scene.pass();
  const states = new Set<string>();
  alice.friends.on("change", () => states.add(alice.person("bob").status.state));
  scene.relay.link("alice").cut();
  carol.close();
  expect(alice.person("bob").status.state).toBe("online");
  await scene.pass(2000);
  expect(alice.person("carol").status.state).toBe("online");
  await scene.pass(3000);
  expect([alice.person("bob").status.state, alice.person("carol").status.state]).toEqual(["online", "offline"]);
  expect(states).toEqual(new Set(["online"]));
});

test("of who is no friend any more nothing is known", async () => {
  const { alice, bob } = await friends();
  bob.status.set({ state: "online" });
  await scene.pass();
  expect(alice.person("bob").status.state).toBe("online");
  await Promise.all([alice.friends.remove("bob"), scene.pass(200)]);
  expect(alice.person("bob").status.state).toBe("offline");
});

test("a status that cannot be is refused at once", () => {
  const { status } = scene.client("alice");
  expect(() => status.set({ state: "offline" as never })).toThrow("bad_field");
  expect(() => status.set({ state: "away", body: "x".repeat(1024) })).toThrow("too_large");
  expect(() => status.set({ state: "away", body: Number.NaN })).toThrow("bad_value");
  expect(status.said).toBeUndefined();
});
