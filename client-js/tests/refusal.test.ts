// Writes that are refused, and transactions that go on nevertheless.

import { afterEach, beforeEach, expect, test } from "vitest";
import type { Rejected } from "../src/rejected.ts";
import { heard, Scene } from "./scene.ts";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.end());

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
