// Stories of one object: how it comes, what it tells, how it is left.

import { afterEach, beforeEach, expect, test } from "vitest";
import { Scene } from "./scene.ts";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.end());

test("an empty object is told as well", async () => {
  const so = scene.client("ada").object("chat/1");
  expect(so.state).toBe("loading");
  await scene.pass();
  await so.ready;
  expect(so.state).toBe("live");
  expect(so.keys()).toEqual([]);
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
