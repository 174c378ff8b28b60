// Stories of the connection: cuts, resuming, ties, ends.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Rejected } from "../src/rejected.ts";
import { heard, Scene } from "./scene.ts";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.end());

test("it says who it is, and knows the server's clock", async () => {
  const client = scene.client("ada");
  const states: string[] = [];
  client.on("state", (state) => states.push(state));
  expect([client.state, client.user, client.session]).toEqual(["connecting", "", undefined]);
  await scene.pass();
  expect([client.state, client.user, client.session]).toEqual(["live", "ada", "sdevice-ada"]);
  expect(states).toEqual(["live"]);
  expect(client.now() - Date.now()).toBe(5000);
});

test("after a cut it resumes with its cursor, and what was missed is told", async () => {
  const client = scene.client("ada");
  const so = client.object<{ a: number; b: number }>("chat/1");
  scene.server.do("chat/1", { op: "set", slot: "a", value: 1 }, { op: "set", slot: "b", value: 1 });
  await scene.pass();
  const events = heard(so, "change", "delete", "success", "clear", "sync");
  const states: string[] = [];
  so.on("state", (state) => states.push(state));
  scene.server.link("ada").cut();
  expect([client.state, so.state, so.get("a")]).toEqual(["offline", "offline", 1]);
  scene.server.do("chat/1", { op: "set", slot: "a", value: 2 });
  scene.server.do("chat/1", { op: "delete", slot: "b" });
  await scene.pass(1000);
  expect(scene.server.link("ada").received[1]).toEqual([2, "chat/1", [100, 1, 0]]);
  expect(so.data).toEqual({ a: 2 });
  expect(events).toEqual(["change a 1>2 ", "delete b 1>- ", "sync a b"]);
  expect(states).toEqual(["offline", "live"]);
});

test("an unanswered write is repeated with its id, applied once, and does not flicker", async () => {
  const so = scene.client("ada").object<{ n: number }>("chat/1");
  await scene.pass();
  const seen = new Set<number | undefined>();
  so.on("sync", () => seen.add(so.get("n")));
  const accepted = so.add("n", 1);
  await scene.pass(15);
  // Applied, and the answer is lost with the line.
  expect(scene.server.object("chat/1").version).toBe(1);
  scene.server.link("ada").cut();
  so.add("n", 10);
  expect(so.get("n")).toBe(11);
  for (let ms = 0; ms < 1000; ms++) {
    await scene.pass(1);
    seen.add(so.get("n"));
  }
  expect(await accepted).toMatchObject({ version: 1 });
  expect([...seen]).toEqual([11]);
  expect(scene.server.object("chat/1").values()).toEqual({ n: 11 });
});

test("a write made offline keeps what its writer had seen", async () => {
  const so = scene.client("ada").object<{ a: number }>("chat/1");
  scene.server.do("chat/1", { op: "set", slot: "a", value: 1 });
  await scene.pass();
  const bob = scene.client("bob").object<{ a: number }>("chat/1");
  await scene.pass();
  scene.server.link("ada").cut();
  const lost = so.set("a", 5).catch((error: Rejected) => error.code);
  bob.set("a", 2);
  await scene.pass(1000);
  expect(await lost).toBe("conflict");
  expect(so.get("a")).toBe(2);
});

test("when the object died meanwhile: what was sent is lost, what was not is written", async () => {
  const so = scene.client("ada").object<{ a: number; b: number; c: number }>("chat/1");
  so.set("c", 1);
  await scene.pass();
  scene.server.isDeaf = true;
  const sent = so.add("a", 1).catch((error: Rejected) => error.code);
  const said = so.send("hi", 1).catch((error: Rejected) => error.code);
  await scene.pass();
  scene.server.link("ada").cut();
  scene.server.isDeaf = false;
  const waiting = so.set("b", 1);
  scene.server.forget("chat/1");
  scene.server.do("chat/1", { op: "set", slot: "new", value: 1 });
  const events = heard(so, "clear", "change", "delete", "reject", "success");
  await scene.pass(1000);
  expect(await Promise.all([sent, said])).toEqual(["lost", "lost"]);
  expect(await waiting).toMatchObject({ version: 2 });
  expect(so.data).toEqual({ new: 1, b: 1 });
  expect(events).toEqual(["clear ->- ", "change new ->1 ", "reject a 1>- lost", "success b 1>1"]);
});

test("a snapshot over a copy is told as its differences", async () => {
  const so = scene.client("ada").object<Record<string, unknown>>("chat/1");
  scene.server.do(
    "chat/1",
    { op: "set", slot: "a", value: [1] },
    { op: "set", slot: "b", value: 1 },
    { op: "set", slot: "c", value: 1 },
  );
  await scene.pass();
  const events = heard(so, "change", "delete", "clear", "sync");
  scene.server.link("ada").tell([
    20,
    "chat/1",
    so.epoch,
    9,
    0,
    [
      ["a", 1, "", [1]],
      ["b", 8, "bob", 2],
    ],
    false,
    0,
  ]);
  await scene.pass();
  expect(events).toEqual(["change b 1>2 bob", "delete c 1>- ", "sync b c"]);
  expect(so.version).toBe(9);
});

test("a frame that does not follow is met with a new use", async () => {
  const so = scene.client("ada").object<{ a: number }>("chat/1");
  scene.server.do("chat/1", { op: "set", slot: "a", value: 1 });
  await scene.pass();
  scene.server.link("ada").tell([21, "chat/1", 5, 6, [[1, "a", 6, "bob", 6]], 0]);
  scene.server.link("ada").tell([21, "chat/1", 6, 7, [[3, "a", 7, "bob", ["x"], 6]], 0]);
  scene.server.link("ada").tell([99, "something new"]);
  await scene.pass();
  expect(so.faults).toBe(1);
  expect([so.get("a"), so.version, so.state]).toEqual([1, 1, "live"]);
});

test("a diff that overlaps the copy adds only what is new", async () => {
  const so = scene.client("ada").object<{ l: number[] }>("chat/1");
  await scene.pass();
  so.append("l", 1);
  so.append("l", 2);
  await scene.pass();
  const items = (version: number, item: number) => [4, "l", version, "bob", [item], 0];
  scene.server.link("ada").tell([21, "chat/1", 0, 3, [items(1, 1), items(2, 2), items(3, 3)], 0]);
  await scene.pass();
  expect([so.get("l"), so.version, so.faults]).toEqual([[1, 2, 3], 3, 0]);
});

test("what others write while repeated writes are unanswered waits for them", async () => {
  const so = scene.client("ada").object<{ n: number }>("chat/1");
  await scene.pass();
  so.add("n", 1);
  await scene.pass(15);
  scene.server.link("ada").cut();
  const seen = new Set<number | undefined>();
  for (let ms = 0; ms < 400; ms++) {
    // Between the answer to `use` and the answer to the repeated write.
    if (ms === 295) scene.server.do("chat/1", { op: "add", slot: "n", value: 10 });
    await scene.pass(1);
    seen.add(so.get("n"));
  }
  expect([...seen]).toEqual([1, 11]);
  expect([so.version, so.faults]).toEqual([2, 0]);
});

test("tied slots and the status are set again after a cut, unseen by their owner", async () => {
  const so = scene.client("ada").object<{ lock: string; other: string }>("chat/1");
  const bob = scene.client("bob").object<{ lock: string; other: string }>("chat/1");
  so.once("lock", "ada", { tie: true });
  so.set("other", "ada", { tie: true });
  so.setStatus({ name: "Ada", at: 1 });
  so.patchStatus(["at"], 2);
  await scene.pass();
  expect(bob.statuses().get("ada")).toEqual({ name: "Ada", at: 2 });
  const mine = heard(so, "delete", "change", "reject");
  scene.server.link("ada").cut();
  await scene.pass(20);
  expect(bob.keys()).toEqual([]);
  bob.set("other", "bob");
  await scene.pass(1000);
  expect(bob.data).toEqual({ other: "bob", lock: "ada", "@ada": { name: "Ada", at: 2 } });
  expect(so.data).toEqual(bob.data);
  expect(mine).toEqual(['change other "ada">"bob" bob']);
  // And once more, for they are this client's still.
  scene.server.link("ada").cut();
  await scene.pass(2000);
  expect(bob.get("lock")).toBe("ada");
});

test("a cut while a tied slot is being set again loses nothing", async () => {
  const so = scene.client("ada").object<{ lock: string; n: number }>("chat/1");
  so.once("lock", "ada", { tie: true });
  await scene.pass();
  const events = heard(so, "reject", "delete", "change");
  for (const [ms, wait] of [300, 305, 315, 325, 600].entries()) {
    so.add("n", ms);
    scene.server.link("ada").cut();
    await scene.pass(wait);
    while (!scene.server.links.some(({ session }) => session?.user === "ada")) await scene.pass(1);
    if (ms % 2) await scene.pass(25);
  }
  await scene.pass(30_000);
  expect(scene.server.object("chat/1").values()).toEqual({ lock: "ada", n: 10 });
  expect(so.data).toEqual({ lock: "ada", n: 10 });
  expect(events).toEqual([]);
});

test("a tied slot outlives the late end of the session before, whenever that is noticed", async () => {
  const so = scene.client("ada").object<{ lock: string }>("chat/1");
  so.once("lock", "ada", { tie: true });
  so.setStatus({ name: "Ada" });
  await scene.pass();
  for (let end_ms = 200; end_ms < 700; end_ms += 5) {
    scene.server.end_ms = end_ms;
    scene.server.link("ada").cut();
    await scene.pass(62_000); // A good minute, so that the back-off starts over.
    expect(scene.server.object("chat/1").values(), `end noticed after ${end_ms} ms`).toEqual({
      lock: "ada",
      "@ada": { name: "Ada" },
    });
  }
});

test("a status of two tabs outlives a cut of the one that is left", async () => {
  const options = { device: "other-tab" };
  const first = scene.client("ada");
  first.object("chat/1").setStatus({ name: "Ada" });
  await scene.pass();
  const second = scene.client("ada", options).object("chat/1");
  await scene.pass();
  second.setStatus({ name: "Ada" });
  await scene.pass();
  first.close();
  scene.server.link("ada").cut();
  expect(scene.server.object("chat/1").values()).toEqual({});
  await scene.pass(1000);
  expect(scene.server.object("chat/1").values()).toEqual({ "@ada": { name: "Ada" } });
});

test("a status may be set before the client knows who it is", async () => {
  const so = scene.client("ada").object("chat/1");
  so.patchStatus(["typing"], true);
  so.setStatus({ name: "Ada" });
  await scene.pass();
  expect(so.statuses()).toEqual(new Map([["ada", { name: "Ada" }]]));
});

test("back-off is jittered, doubles to 30 s, and starts over after a good minute", async () => {
  const client = scene.client("ada");
  await scene.pass();
  scene.server.isDown = true;
  const began: number[] = [];
  client.on("state", (state) => state === "connecting" && began.push(Date.now()));
  let last = Date.now();
  scene.server.link("ada").cut();
  await scene.pass(120_000);
  const waits = began.map((at) => {
    const wait = at - last;
    last = at + 10;
    return wait;
  });
  expect(waits.slice(0, 9)).toEqual([250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  scene.server.isDown = false;
  await scene.pass(90_000);
  expect(client.state).toBe("live");
  began.length = 0;
  last = Date.now();
  scene.server.link("ada").cut();
  await scene.pass(1000);
  expect(began.map((at) => at - last)).toEqual([250]);
});

test("goaway says when to come back", async () => {
  const client = scene.client("ada");
  await scene.pass();
  const told: unknown[] = [];
  client.on("goaway", (event) => told.push(event));
  scene.server.link("ada").tell([26, 8000, "restart"]);
  await scene.pass();
  scene.server.link("ada").cut(1001);
  await scene.pass(5900);
  expect(client.state).toBe("offline");
  await scene.pass(200);
  expect(client.state).toBe("live");
  expect(told).toEqual([{ retry_ms: 8000, reason: "restart" }]);
});

test.each([
  [4401, "unauthorized"],
  [4409, "replaced"],
])("close code %i is the end: %s", async (code, name) => {
  const client = scene.client("ada");
  const so = client.object<{ a: number }>("chat/1");
  await scene.pass();
  const errors: string[] = [];
  client.on("error", (error) => errors.push(error.code));
  scene.server.isDeaf = true;
  const sent = so.set("a", 1).catch((error: Rejected) => error.code);
  await scene.pass();
  scene.server.link("ada").cut(code);
  const later = so.set("a", 2).catch((error: Rejected) => error.code);
  await scene.pass(100_000);
  expect([client.state, so.state, errors]).toEqual(["closed", "released", [name]]);
  expect([await sent, await later]).toEqual(["lost", "released"]);
  expect(scene.server.links).toEqual([]);
  expect(() => client.object("chat/2")).toThrow("closed");
});

test("a wrong token is the end, and a token may be asked for each time", async () => {
  const wrong = scene.client("eve", { token: () => Promise.resolve("wrong") });
  await scene.pass();
  expect(wrong.state).toBe("closed");
  let asked = 0;
  const client = scene.client("ada", { token: () => `token-${++asked}` });
  await scene.pass();
  scene.server.link("ada").cut();
  await scene.pass(1000);
  expect(client.state).toBe("live");
  expect(asked).toBe(2);
});

test("silence is met with a ping after 25 s, and a cut 10 s later", async () => {
  const client = scene.client("ada");
  await scene.pass();
  const link = scene.server.link("ada");
  await scene.pass(24_000);
  expect(link.received).toHaveLength(1);
  await scene.pass(1100);
  expect(link.received.at(-1)).toEqual([7]);
  await scene.pass(20_000);
  expect(client.state).toBe("live");
  const states: string[] = [];
  client.on("state", (state) => states.push(state));
  scene.server.isDeaf = true;
  await scene.pass(16_000);
  expect(states).toEqual(["offline", "connecting"]);
  scene.server.isDeaf = false;
  await scene.pass(12_000);
  expect(client.state).toBe("live");
});

test("a connection that gets no welcome is given up", async () => {
  scene.server.isDeaf = true;
  const client = scene.client("ada");
  await scene.pass(10_100);
  expect(client.state).toBe("offline");
  scene.server.isDeaf = false;
  await scene.pass(1000);
  expect(client.state).toBe("live");
});

test("the network's return is a reason to try at once", async () => {
  const page = new EventTarget();
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
  const client = scene.client("ada");
  await scene.pass();
  scene.server.isDown = true;
  scene.server.link("ada").cut();
  await scene.pass(60_000);
  scene.server.isDown = false;
  while (client.state !== "offline") await scene.pass(1);
  page.dispatchEvent(new Event("online"));
  await scene.pass(50);
  expect(client.state).toBe("live");
  client.close();
  vi.unstubAllGlobals();
});

test("a message that is none cuts the connection, and it comes back", async () => {
  const client = scene.client("ada");
  const so = client.object("chat/1");
  await scene.pass();
  const errors: string[] = [];
  client.on("error", ({ code }) => errors.push(code));
  scene.server.link("ada").listener?.received(new Uint8Array([0x91]));
  expect(client.state).toBe("offline");
  await scene.pass(1000);
  expect([client.state, so.state, errors]).toEqual(["live", "live", ["bad_message"]]);
});

test("an object that the server refuses says so", async () => {
  const client = scene.client("ada");
  await scene.pass();
  scene.server.isDeaf = true;
  const so = client.object("chat/1");
  const reason = so.ready.catch((error: Rejected) => error.code);
  scene.server.link("ada").tell([19, "too_many", "objects", "chat/1"]);
  await scene.pass();
  expect(await reason).toBe("too_many");
  expect(() => client.object("chat/")).toThrow("bad_name");
  expect(() => client.object("chat/../x")).toThrow("bad_name");
});

test("sends that were missed come after a cut, each once", async () => {
  const ada = scene.client("ada").object("chat/1");
  const bob = scene.client("bob").object("chat/1");
  await scene.pass();
  const told: unknown[] = [];
  bob.onSend("hi", ({ value }) => told.push(value));
  ada.send("hi", 1);
  await scene.pass();
  scene.server.link("bob").cut();
  ada.send("hi", 2);
  await scene.pass(1000);
  ada.send("hi", 3);
  await scene.pass();
  expect(told).toEqual([1, 2, 3]);
});

test("fingerprints are asked for, again after a cut", async () => {
  const so = scene.client("ada").object("chat/1");
  await scene.pass();
  const first = so.fingerprint();
  await scene.pass(5);
  scene.server.link("ada").cut();
  await scene.pass(1000);
  expect(await first).toBe("0".repeat(32));
});
