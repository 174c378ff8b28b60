// Stories of one object: what a user of it sees.

import { afterEach, beforeEach, expect, test } from "vitest";
import { Rejected } from "../src/rejected.ts";
import { heard, Scene } from "./scene.ts";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.end());

test("a write shows at once, is accepted, and reaches the other", async () => {
  const ada = scene.client("ada").object<{ topic: string }>("chat/1");
  const bob = scene.client("bob").object<{ topic: string }>("chat/1");
  await scene.pass();
  const changes = heard(bob, "change", "sync");
  const mine = heard(ada, "success", "change", "sync");
  const accepted = ada.set("topic", "tea");
  expect(ada.get("topic")).toBe("tea");
  expect(ada.version).toBe(0);
  await scene.pass();
  expect(await accepted).toEqual({ version: 1, changed: true, class: "memory" });
  expect(bob.get("topic")).toBe("tea");
  expect(changes).toEqual(['change topic ->"tea" ada', "sync topic"]);
  expect(mine).toEqual(['success topic "tea">"tea"', "sync topic"]);
});

test("an empty object is told as well", async () => {
  const so = scene.client("ada").object("chat/1");
  expect(so.state).toBe("loading");
  await scene.pass();
  await so.ready;
  expect(so.state).toBe("live");
  expect(so.keys()).toEqual([]);
});

test("writes before the first copy wait, and have seen it", async () => {
  scene.server.do("chat/1", { op: "set", slot: "topic", value: "old" });
  const client = scene.client("ada");
  const so = client.object<{ topic: string; n: number }>("chat/1");
  so.set("topic", "new");
  so.add("n", 2);
  expect(so.data).toEqual({ topic: "new", n: 2 });
  await scene.pass();
  expect(scene.server.object("chat/1").values()).toEqual({ topic: "new", n: 2 });
  expect(scene.server.link("ada").received.at(-2)).toEqual([
    4,
    expect.any(Number),
    "chat/1",
    100,
    1,
    null,
    [[1, "topic", "new"]],
  ]);
});

test("between success and its diff an addition shows once", async () => {
  const so = scene.client("ada").object<{ n: number }>("chat/1");
  await scene.pass();
  const seen: (number | undefined)[] = [];
  const accepted = so.add("n", 1);
  accepted.then(() => seen.push(so.get("n")));
  so.on("sync", () => seen.push(so.get("n")));
  await scene.pass();
  expect(seen).toEqual([1, 1]);
});

test("a conflict: the winner shows, both are told, the copy goes on", async () => {
  const ada = scene.client("ada").object<{ topic: string }>("chat/1");
  const bob = scene.client("bob").object<{ topic: string }>("chat/1");
  await scene.pass();
  const events = heard(bob, "reject", "change", "success");
  const won = ada.set("topic", "tea");
  const lost = bob.set("topic", "wine");
  const reason = lost.catch((error: unknown) => error);
  await scene.pass();
  await won;
  const error = await reason;
  expect(error).toBeInstanceOf(Rejected);
  expect(error).toMatchObject({
    code: "conflict",
    retry: false,
    version: 1,
    winners: [{ slot: "topic", value: "tea", by: "ada" }],
  });
  expect(bob.get("topic")).toBe("tea");
  expect(events).toEqual(['reject topic "wine">"tea" conflict']);
  bob.set("topic", "water");
  await scene.pass();
  expect(ada.get("topic")).toBe("water");
});

test("a winner newer than the copy shows at once, and its changes are not applied twice", async () => {
  scene.server.do("chat/1", { op: "set", slot: "log", value: [0] });
  const so = scene.client("ada").object<{ log: number[]; n: number }>("chat/1");
  await scene.pass();
  const events = heard(so, "reject", "change", "sync");
  const link = scene.server.link("ada");
  scene.server.isDeaf = true;
  const lost = so.set("log", [7]).catch((error: Rejected) => error.code);
  link.tell([18, 1_700_000_000_000_001, "conflict", "no", 3, [["log", 3, "bob", [0, 1, 2]]]]);
  await scene.pass();
  expect(await lost).toBe("conflict");
  expect([so.get("log"), so.version]).toEqual([[0, 1, 2], 1]);
  link.tell([21, "chat/1", 1, 2, [[4, "log", 2, "bob", [1], 0]]]);
  link.tell([
    21,
    "chat/1",
    2,
    4,
    [
      [4, "log", 3, "bob", [2], 0],
      [4, "log", 4, "bob", [3], 0],
      [77, "of a newer server"],
    ],
  ]);
  await scene.pass();
  expect([so.get("log"), so.version]).toEqual([[0, 1, 2, 3], 4]);
  expect(events).toEqual([
    "reject log [7]>[0,1,2] conflict",
    "sync log",
    "sync",
    "change log [0,1,2]>[0,1,2,3] bob",
    "sync log",
  ]);
});

test("ignored rejections are no unhandled ones, and bad values never leave", async () => {
  const so = scene.client("ada").object<Record<string, unknown>>("chat/1");
  await scene.pass();
  const cycle: unknown[] = [];
  cycle.push(cycle);
  const given = [
    () => 1,
    Number.NaN,
    cycle,
    new Date(),
    { symbol: Symbol("x") },
    JSON.parse('{"__proto__":1}'),
    "x".repeat(40_000),
  ];
  const codes = await Promise.all(given.map((value) => so.set("a", value).catch((error: Rejected) => error.code)));
  expect(codes).toEqual(["bad_value", "bad_value", "too_deep", "bad_value", "bad_value", "bad_value", "too_large"]);
  so.set("constructor", 1);
  so.set("a*", 1);
  await expect(so.set("a\n", 1)).rejects.toMatchObject({ code: "bad_name" });
  expect(so.keys()).toEqual([]);
});

test("an equal value is not written again, unless forced", async () => {
  const so = scene.client("ada").object<Record<string, unknown>>("chat/1");
  await scene.pass();
  so.set("a", { list: [1, { b: new Uint8Array([1]) }] });
  await scene.pass();
  expect(await so.set("a", { list: [1, { b: new Uint8Array([1]) }] })).toEqual({
    version: 1,
    changed: false,
    class: "none",
  });
  expect(await so.delete("nothing")).toMatchObject({ changed: false });
  so.set("a", { list: [1, { b: new Uint8Array([1]) }] }, { force: true });
  await scene.pass();
  expect(so.version).toBe(2);
});

test("what was read or given cannot be changed behind the back", async () => {
  const so = scene.client("ada").object<{ a: number[] }>("chat/1");
  const given = [1];
  so.set("a", given);
  given.push(2);
  expect(so.get("a")).toEqual([1]);
  expect(() => so.get("a")?.push(3)).toThrow(TypeError);
});

test("one tick goes out in one go, sets of one slot as the last", async () => {
  const so = scene.client("ada").object<Record<string, number>>("chat/1");
  await scene.pass();
  const link = scene.server.link("ada");
  const before = link.sendCalls.length;
  const first = so.set("x", 1);
  so.set("y", 1);
  so.set("x", 2);
  so.add("x", 1);
  const last = so.set("x", 9);
  await scene.pass();
  expect(link.sendCalls.slice(before)).toEqual([4]);
  expect(link.received.slice(-4).map((message) => message[6])).toEqual([
    [[1, "y", 1]],
    [[1, "x", 2]],
    [[3, "x", 1]],
    [[1, "x", 9]],
  ]);
  expect([(await first).version, (await last).version]).toEqual([2, 4]);
});

test("a batch is one write, all or nothing", async () => {
  const so = scene.client("ada").object<Record<string, unknown>>("chat/1");
  await scene.pass();
  const accepted = so.batch(() => {
    so.set("a", 1);
    so.add("a", 2);
    expect(so.get("a")).toBe(3);
    so.set("b", "x");
  });
  expect(so.data).toEqual({ a: 3, b: "x" });
  await scene.pass();
  expect(await accepted).toMatchObject({ version: 1 });
  const failed = so.batch(() => {
    so.set("c", 1);
    so.add("b", 1);
  });
  // It does not fit, so it does not show.
  expect(so.get("c")).toBeUndefined();
  await scene.pass();
  await expect(failed).rejects.toMatchObject({ code: "wrong_type" });
  expect(() =>
    so.batch(() => {
      so.set("a", 100);
      throw new Error("no");
    }),
  ).toThrow("no");
  expect(so.data).toEqual({ a: 3, b: "x" });
  expect(scene.server.object("chat/1").version).toBe(1);
});

test("every operation, here and there", async () => {
  const ada = scene.client("ada").object<Record<string, unknown>>("chat/1");
  const bob = scene.client("bob").object<Record<string, unknown>>("chat/1");
  await scene.pass();
  ada.set("a", { x: [1, 2] });
  ada.patch("a", ["x", 0], null);
  ada.patch("a", ["y"], 7);
  ada.add("n", 5);
  ada.add("n", 2n ** 60n);
  ada.max("m", 3);
  ada.max("m", 2);
  ada.min("m", 1);
  ada.once("o", "first");
  ada.append("l" as string, 1 as never, { keep: 2 });
  ada.append("l" as string, 2 as never, { keep: 2 });
  ada.append("l" as string, 3 as never, { keep: 2 });
  ada.append("s" as string, "hi" as never, { stamp: true });
  ada.set("gone", 1);
  ada.delete("gone");
  const expected = { a: { x: [2], y: 7 }, n: 2n ** 60n + 5n, m: 1, o: "first", l: [2, 3] };
  expect(ada.data).toMatchObject(expected);
  expect(ada.get("s")).toMatchObject([{ by: "ada", v: 0, item: "hi" }]);
  await scene.pass();
  expect(bob.data).toMatchObject(expected);
  expect(bob.get("s")).toMatchObject([{ by: "ada", item: "hi", v: expect.any(Number) }]);
  expect(ada.data).toEqual(bob.data);
  expect(Object.keys((ada.get("s") as object[])[0] ?? {})).toEqual(["by", "at", "v", "item"]);
});

test("clear leaves the statuses, and is told as one event", async () => {
  const ada = scene.client("ada").object<Record<string, unknown>>("chat/1");
  const bob = scene.client("bob").object<Record<string, unknown>>("chat/1");
  await scene.pass();
  bob.setStatus({ name: "Bob" });
  bob.set("a", 1);
  bob.set("b", 1);
  await scene.pass();
  const events = heard(bob, "clear", "delete", "sync");
  ada.clear();
  expect(ada.keys()).toEqual(["@bob"]);
  await scene.pass();
  expect(events).toEqual(["clear ->- ada", "sync @bob a b"]);
  expect(bob.statuses()).toEqual(new Map([["bob", { name: "Bob" }]]));
});

test("a transaction runs again with what the others wrote", async () => {
  const clients = ["ada", "bob", "eve"].map((user) =>
    scene.client(user).object<{ price: number; leader: string }>("lot/1"),
  );
  await scene.pass();
  const [ada, bob] = clients;
  const rejects = clients.map((so) => heard(so, "reject"));
  const bid = (so: typeof ada, amount: number, me: string) =>
    so?.transact((tx) => {
      const price = tx.get("price") ?? 0;
      if (amount <= price) return tx.abort();
      tx.set("price", amount);
      tx.set("leader", me);
    });
  const bids = [bid(ada, 10, "ada"), bid(bob, 20, "bob"), bid(clients[2], 5, "eve")];
  await scene.pass(1000);
  const results = await Promise.all(bids);
  expect(results.map((result) => result?.committed)).toEqual([true, true, false]);
  expect(ada?.data).toEqual({ price: 20, leader: "bob" });
  expect(rejects.flat()).toEqual([]);
});

test("a transaction waits for own writes to what it read", async () => {
  const so = scene.client("ada").object<{ n: number }>("lot/1");
  await scene.pass();
  so.set("n", 1);
  const result = so.transact((tx) => tx.set("n", (tx.get("n") ?? 0) + 1));
  await scene.pass(1000);
  expect(await result).toMatchObject({ committed: true, tries: 1 });
  expect(so.get("n")).toBe(2);
});

test("transactions that never win say so after their tries", async () => {
  const so = scene.client("ada").object<{ n: number }>("lot/1");
  await scene.pass();
  const result = so.transact(
    (tx) => {
      scene.server.do("lot/1", { op: "add", slot: "n", value: 1 });
      tx.set("n", tx.get("n") ?? 0);
    },
    { tries: 3 },
  );
  const reason = result.catch((error: Rejected) => error.code);
  await scene.pass(5000);
  expect(await reason).toBe("conflict");
});

test("sends reach all, in order with the changes", async () => {
  const ada = scene.client("ada").object<{ a: number }>("chat/1");
  const bob = scene.client("bob").object<{ a: number }>("chat/1");
  await scene.pass();
  const told: unknown[] = [];
  const stop = new AbortController();
  bob.onSend("hi", ({ value, by, version }) => told.push([value, by, version, bob.get("a")]), { signal: stop.signal });
  bob.on("send:hi", ({ name }) => told.push(name));
  ada.on("send", ({ name }) => told.push(`own ${name}`));
  ada.set("a", 1);
  const sent = ada.send("hi", { x: 1 });
  ada.set("a", 2);
  await scene.pass();
  expect(await sent).toMatchObject({ version: 1 });
  expect(told).toContainEqual([{ x: 1 }, "ada", 1, 1]);
  expect(told).toContain("hi");
  expect(told).toContain("own hi");
  stop.abort();
  ada.send("hi", 2);
  await scene.pass();
  expect(told.filter((line) => Array.isArray(line))).toHaveLength(1);
});

test("with patterns only those slots come, and own writes beyond them leave no trace", async () => {
  scene.server.do("chat/1", { op: "set", slot: "bid.1", value: 1 }, { op: "set", slot: "other", value: 1 });
  const so = scene.client("ada").object<Record<string, number>>("chat/1", { slots: ["bid.*"] });
  await scene.pass();
  expect(so.data).toEqual({ "bid.1": 1 });
  so.add("other", 1);
  expect(so.data).toEqual({ "bid.1": 1 });
  so.add("bid.1", 1);
  await scene.pass();
  expect(so.data).toEqual({ "bid.1": 2 });
});

test("a long snapshot comes in parts and counts when it is complete", async () => {
  scene.server.chunk = 3;
  for (let n = 0; n < 10; n++) scene.server.do("chat/1", { op: "set", slot: `s${n}`, value: n });
  const so = scene.client("ada").object<Record<string, number>>("chat/1");
  const events: string[] = [];
  so.on("progress", ({ part, parts }) => events.push(`${part} of ${parts}: ${so.keys().length} slots, ${so.state}`));
  so.on("sync", () => events.push(`sync: ${so.keys().length} slots`));
  await scene.pass();
  expect(events).toEqual([
    "1 of 4: 0 slots, loading",
    "2 of 4: 0 slots, loading",
    "3 of 4: 0 slots, loading",
    "4 of 4: 0 slots, loading",
    "sync: 10 slots",
  ]);
});

test("the last part brings what has changed since the others; a small snapshot has no progress", async () => {
  const so = scene.client("ada").object<Record<string, number>>("chat/1");
  const progress: string[] = [];
  so.on("progress", ({ part, parts }) => progress.push(`${part} of ${parts}`));
  await scene.pass();
  expect(progress).toEqual([]);
  const slot = (slot: string, version: number, value: number | null) => [slot, version, "bob", value];
  const { epoch } = so;
  const part = (number: number, version: number, ...slots: unknown[]) =>
    scene.server.link("ada").tell([20, "chat/1", epoch, version, 0, slots, number < 3, 0, number, 3]);
  part(1, 7, slot("a", 1, 1), slot("b", 2, 2));
  part(2, 7, slot("c", 7, 3));
  part(3, 9, slot("b", 8, 9), slot("c", 9, null));
  await scene.pass();
  expect(so.data).toEqual({ a: 1, b: 9 });
  expect(so.version).toBe(9);
  expect(progress).toEqual(["1 of 3", "2 of 3", "3 of 3"]);
});

test("parts begin anew with the first, and what is left of others counts for nothing", async () => {
  const so = scene.client("ada").object<Record<string, number>>("chat/1");
  await scene.pass();
  const { epoch } = so;
  const part = (number: number, slot: string, version: number) =>
    scene.server
      .link("ada")
      .tell([20, "chat/1", epoch, version, 0, [[slot, version, "bob", 1]], number < 3, 0, number, 3]);
  part(3, "left", 4);
  part(1, "old", 5);
  part(2, "older", 5);
  part(1, "a", 6);
  part(2, "b", 6);
  part(3, "c", 6);
  await scene.pass();
  expect(so.data).toEqual({ a: 1, b: 1, c: 1 });
  expect(so.faults).toBe(0);
});

test("parts that a cut leaves without the last are no copy", async () => {
  scene.server.chunk = 3;
  scene.server.latency_ms = () => 10;
  for (let n = 0; n < 10; n++) scene.server.do("chat/1", { op: "set", slot: `s${n}`, value: n });
  const so = scene.client("ada").object<Record<string, number>>("chat/1");
  let parts = 0;
  so.on("progress", () => {
    if (++parts === 2) scene.server.link("ada").cut();
  });
  await scene.pass(5000);
  expect(parts).toBe(6);
  expect(so.keys()).toHaveLength(10);
});

test("a full store refuses a write, which shows no longer and may be tried again", async () => {
  const so = scene.client("ada").object<{ topic: string }>("chat/1");
  await scene.pass();
  await Promise.all([so.set("topic", "old"), scene.pass()]);
  scene.server.isFull = true;
  const events = heard(so, "reject", "success");
  const refused = so.set("topic", "new").catch((error: Rejected) => error);
  expect(so.get("topic")).toBe("new");
  await scene.pass();
  expect(await refused).toMatchObject({ code: "storage_full", retry: true });
  expect(so.get("topic")).toBe("old");
  expect(events).toEqual(['reject topic "new">"old" storage_full']);
  scene.server.isFull = false;
  so.set("topic", "new");
  await scene.pass();
  expect(scene.server.object("chat/1").values()).toEqual({ topic: "new" });
});

test("what a full store refuses after a cut is told, and not sent again by itself", async () => {
  const so = scene.client("ada").object<{ topic: string }>("chat/1");
  await scene.pass();
  scene.server.isDeaf = true;
  const refused = so.set("topic", "new").catch((error: Rejected) => error.code);
  await scene.pass();
  scene.server.isDeaf = false;
  scene.server.isFull = true;
  scene.server.link("ada").cut();
  await scene.pass(5000);
  expect(await refused).toBe("storage_full");
  expect(so.data).toEqual({});
  scene.server.isFull = false;
  await scene.pass(5000);
  expect(scene.server.object("chat/1").values()).toEqual({});
});

test("at most 64 are on the wire, 1000 wait, the next is refused", async () => {
  const so = scene.client("ada").object<{ l: number[] }>("chat/1");
  await scene.pass();
  const writes = Array.from({ length: 1001 }, (_, n) => so.append("l", n, { keep: 5 }));
  const refused = writes.at(-1)?.catch((error: Rejected) => error.code);
  const link = scene.server.link("ada");
  const before = link.received.length;
  await scene.pass(10);
  expect(link.received.length - before).toBe(64);
  expect(await refused).toBe("queue_full");
  await scene.pass(2000);
  expect(scene.server.object("chat/1").version).toBe(1000);
  expect(so.get("l")).toEqual([995, 996, 997, 998, 999]);
});

test("release is answered, and used again the object comes anew", async () => {
  const client = scene.client("ada");
  const so = client.object<{ a: number }>("chat/1");
  await scene.pass();
  const last = so.set("a", 1);
  const released = so.release();
  expect(so.state).toBe("released");
  const again = client.object<{ a: number }>("chat/1");
  expect(again).not.toBe(so);
  expect(client.object("chat/1")).toBe(again);
  await scene.pass();
  await released;
  expect(await last).toMatchObject({ version: 1 });
  expect(again.get("a")).toBe(1);
  await expect(so.set("a", 2)).rejects.toMatchObject({ code: "released" });
});

test("a message that the server would close for is refused here", async () => {
  const so = scene.client("ada").object<Record<string, string>>("chat/1");
  await scene.pass();
  const big = so.batch(() => {
    so.set("a", "x".repeat(30_000));
    so.set("b", "x".repeat(30_000));
    so.set("c", "x".repeat(30_000));
  });
  const reason = big.catch((error: Rejected) => error.code);
  await scene.pass();
  expect(await reason).toBe("too_large");
  expect(so.keys()).toEqual([]);
});
