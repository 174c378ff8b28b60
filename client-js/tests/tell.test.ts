// Stories of messages to others: once, in order, over cuts, no faster than the server takes them.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Slotcast } from "../src/client.ts";
import type { Told } from "../src/person.ts";
import type { Rejected } from "../src/rejected.ts";
import { Scene } from "./scene.ts";

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
});
afterEach(() => scene.end());

const codeOf = (promise: Promise<unknown>) => promise.then(String, (error: Rejected) => error.code);

test("the relay's socket is made when it is needed, and a message goes into the inbox", async () => {
  const alice = scene.client("alice");
  await scene.pass();
  expect([scene.relay.links.length, alice.inbox.state]).toEqual([0, "offline"]);
  const told = alice.person("bob").tell({ text: "hi" }, { kind: "text" });
  await scene.pass();
  const { time } = await told;
  expect(await told).toEqual({ at: 1, time: Date.now() - 60, class: "memory" });
  expect(scene.relay.home("bob").entries[0]?.frame.slice(1, 3)).toEqual([1, "alice"]);
  expect(scene.relay.home("bob").entries[0]?.frame.slice(4)).toEqual([{ text: "hi" }, time, "text"]);
  expect([alice.state, alice.inbox.state]).toEqual(["live", "live"]);
  alice.close();
  expect(scene.relay.links).toEqual([]);
});

test("a message is told once and answered, wherever the line is cut", async () => {
  let steps = 0;
  for (let step = 1; scene.relay.messages_left !== step + 1; step++) {
    scene.end();
    scene = new Scene();
    scene.relay.messages_left = step;
    const alice = scene.client("alice");
    const told: Promise<Told>[] = [1, 2, 3].map((body) => alice.person("bob").tell(body));
    await scene.pass(35);
    told.push(alice.person("bob").tell(4), alice.person("carol").tell(5));
    await scene.pass(2000);
    const ats = (await Promise.all(told)).map(({ at }) => at);
    expect([step, ats, scene.relay.home("bob").bodies()]).toEqual([step, [1, 2, 3, 4, 1], [1, 2, 3, 4]]);
    expect(scene.relay.home("carol").bodies()).toEqual([5]);
    steps = step;
    if (scene.relay.messages_left > 0) break;
  }
  // hello, welcome, five messages, five answers.
  expect(steps).toBe(13);
});

test("no more are on the way than the server keeps answers to, counted from the oldest without one", async () => {
  scene.relay.inflight = 4;
  scene.relay.limits = { inflight: 4 };
  const alice = scene.client("alice");
  alice.person("bob").tell("hi");
  await scene.pass();
  // The first has no answer for now, all others have.
  scene.relay.isDeaf = true;
  const first = alice.person("bob").tell("lost on its way");
  await scene.pass(15);
  scene.relay.isDeaf = false;
  const others = Array.from({ length: 9 }, (_, n) => alice.person("bob").tell(n));
  await scene.pass(1000);
  const link = scene.relay.link("alice");
  expect(link.received.filter(([code]) => code === 33)).toHaveLength(4);
  expect(scene.relay.home("bob").bodies()).toEqual(["hi", 0, 1, 2]);
  link.cut();
  await scene.pass(1000);
  await Promise.all([first, ...others]);
  expect(scene.relay.home("bob").bodies()).toEqual(["hi", 0, 1, 2, "lost on its way", 3, 4, 5, 6, 7, 8]);
});

test("what waits goes no faster than the server takes it, and in order", async () => {
  const alice = scene.client("alice");
  const told = Array.from({ length: 300 }, (_, n) => alice.person("bob").tell(n));
  await scene.pass(1000);
  const soon = scene.relay.home("bob").bodies().length;
  expect(soon).toBeGreaterThanOrEqual(80);
  expect(soon).toBeLessThan(110);
  await scene.pass(11_000);
  await Promise.all(told);
  expect(scene.relay.home("bob").bodies()).toEqual(Array.from({ length: 300 }, (_, n) => n));
  expect(scene.relay.too_fast).toBe(0);
});

test("one that came too fast all the same is rejected, and says when to try again; the next ones wait as long", async () => {
  scene.relay.burst = 2;
  const alice = scene.client("alice");
  const told = [1, 2, 3].map((body) => alice.person("bob").tell(body));
  await scene.pass();
  const error = await told[2]?.catch((error: Rejected) => error);
  expect(error).toMatchObject({ code: "too_fast", retry: true, retryMs: 50 });
  const later = [4, 5, 6].map((body) => alice.person("bob").tell(body));
  await scene.pass(500);
  await Promise.all(later);
  expect([scene.relay.home("bob").bodies(), scene.relay.too_fast]).toEqual([[1, 2, 4, 5, 6], 1]);
});

test.each([
  ["not_permitted", false],
  ["unknown_user", false],
  ["inbox_full", true],
  ["storage_full", true],
])("a message that is refused says why: %s", async (code, retry) => {
  scene.relay.refusals.push(code);
  const alice = scene.client("alice");
  const refused = alice.person("bob").tell(1);
  const next = alice.person("bob").tell(2);
  await scene.pass();
  expect(await refused.catch((error: Rejected) => error)).toMatchObject({ code, what: "no", retry });
  expect(await next).toMatchObject({ at: 1 });
});

test("what cannot be is rejected at once, and more than fits is too", async () => {
  const alice = scene.client("alice");
  scene.relay.isDown = true;
  const bob = alice.person("bob");
  expect(() => alice.person("@bob")).toThrow("bad_name");
  expect(() => bob.signal("")).toThrow("bad_name");
  expect(await codeOf(bob.tell(1, { kind: "" }))).toBe("bad_name");
  expect(await codeOf(bob.tell(Number.NaN))).toBe("bad_value");
  expect(await codeOf(bob.tell("x".repeat(32_768)))).toBe("too_large");
  const waiting = Array.from({ length: 1000 }, () => codeOf(bob.tell(1)));
  expect(await codeOf(bob.tell(1))).toBe("queue_full");
  alice.close();
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(["released"]));
  expect(await codeOf(bob.tell(1))).toBe("released");
  const carol = scene.client("carol").person("bob");
  for (let count = 0; count < 32; count++) carol.tell("x".repeat(32_700));
  expect(await codeOf(carol.tell("x".repeat(32_700)))).toBe("queue_full");
});

test("a message that is larger than the server reads is not sent again and again", async () => {
  scene.relay.limits = { message_bytes: 100, tell_bytes: 1000 };
  const alice = scene.client("alice");
  const small = alice.person("bob").tell(1);
  const large = alice.person("bob").tell("x".repeat(100));
  await scene.pass();
  expect([await codeOf(large), (await small).at, alice.inbox.state]).toEqual(["too_large", 1, "live"]);
});

test("a client that is closed does not know what became of what it has sent", async () => {
  const alice = scene.client("alice");
  alice.person("bob").tell(1);
  await scene.pass();
  scene.relay.isDeaf = true;
  const sent = codeOf(alice.person("bob").tell(2));
  await scene.pass();
  alice.close();
  expect([await sent, scene.relay.home("bob").bodies()]).toEqual(["lost", [1]]);
});

test("ids rise over page loads, also where the machine's clock was set back", async () => {
  // The machine's clock, not the server's.
  const setBack = (ms: number) => {
    scene.relay.ahead_ms += ms;
    vi.setSystemTime(Date.now() - ms);
  };
  const ids = () => scene.relay.home("bob").entries.map(({ frame }) => frame[3] as number);
  for (const page of [1, 2, 3]) {
    const alice = scene.client("alice");
    for (const message of [1, 2]) alice.person("bob").tell([page, message]);
    await scene.pass();
    alice.close();
    setBack(page * 10_000);
  }
  const rising = ids();
  expect(rising).toEqual([...rising].sort((left, right) => left - right));
  expect(new Set(rising).size).toBe(6);
  expect(Math.max(...rising)).toBeLessThan(2 ** 53);
});

test("either socket's end for good is the client's", async () => {
  for (const [code, name] of [
    [4401, "unauthorized"],
    [4409, "replaced"],
  ] as const) {
    const alice = scene.client("alice", { device: `d${code}` });
    const errors: string[] = [];
    alice.on("error", ({ code }) => errors.push(code));
    alice.inbox.on("message", () => {});
    await scene.pass();
    scene.relay.link("alice").cut(code);
    expect([alice.state, alice.inbox.state, errors]).toEqual(["closed", "closed", [name]]);
    expect([scene.relay.links, scene.server.links]).toEqual([[], []]);
  }
});

test("a guest whom the server names is the same at both doors", async () => {
  const names: Slotcast[] = [scene.client("x", { user: undefined })];
  names[0]?.person("bob").tell(1);
  await scene.pass();
  expect(scene.relay.home("bob").entries[0]?.frame[2]).toBe("guest");
  expect(scene.relay.link("guest").received[0]).toEqual([1, null, "device-x", "guest"]);
});
