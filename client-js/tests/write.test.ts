// Stories of writes to one object: what becomes of them, here and on the other side.

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
