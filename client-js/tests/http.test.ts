// Stories of the doors over HTTP: each way down, what networks do to them, and what must not get lost or be there twice.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ConnectOptions, TransportName } from "../src/index.ts";
import { httpAddress } from "../src/page.ts";
import { FakeHttp } from "./fake-http.ts";
import { Scene } from "./scene.ts";

let scene: Scene;
let http: FakeHttp;
beforeEach(() => {
  scene = new Scene();
  http = new FakeHttp({ objects: scene.server, relay: scene.relay });
  vi.stubGlobal("fetch", http.fetch);
});
afterEach(async () => {
  scene.end();
  vi.unstubAllGlobals();
});

const over = (transport: TransportName, options: ConnectOptions = {}) => ({
  url: "ws://host/objects",
  transport,
  ...options,
});

test("the HTTP doors are beside the WebSocket's", () => {
  expect(httpAddress("wss://host:1/app/objects?a=/b")).toEqual({
    base: "https://host:1/app/",
    door: "objects",
    query: "?a=/b",
  });
  expect(httpAddress("ws://host/relay")).toEqual({ base: "http://host/", door: "relay", query: "" });
  expect(httpAddress("ws://host/else")).toBeUndefined();
});

describe.each(["stream", "sse", "poll"] as const)("%s", (name) => {
  test("reads and writes", async () => {
    const ada = scene.client("ada", over(name));
    const bob = scene.client("bob").object<{ n: number; text: string }>("chat/1");
    const so = ada.object<{ n: number; text: string }>("chat/1");
    await scene.pass();
    const accepted = so.add("n", 1);
    await scene.pass();
    expect(await accepted).toMatchObject({ version: 1 });
    bob.set("text", "hä");
    await scene.pass();
    expect([ada.state, ada.transport, so.data]).toEqual(["live", name, { n: 1, text: "hä" }]);
    expect(http.requests.filter((request) => request.startsWith("GET"))).toContain(`GET ${name}`);
  });

  test("it stays there for as long as nothing is said", async () => {
    const ada = scene.client("ada", over(name));
    await scene.pass();
    const states: string[] = [];
    ada.on("state", (state) => states.push(state));
    await scene.pass(300_000);
    expect([ada.state, states]).toEqual(["live", []]);
  });

  test("messages between people have a session of their own", async () => {
    const ada = scene.client("ada", over(name));
    const told = ada.person("bob").tell("hello");
    await scene.pass(500);
    expect(await told).toMatchObject({ at: 1 });
    expect(http.requests).toEqual(expect.arrayContaining(["POST poll/objects", "POST poll/relay"]));
  });

  test("a batch whose answer was lost has one effect", async () => {
    const so = scene.client("ada", over(name)).object<{ n: number }>("chat/1");
    await scene.pass();
    http.answersLost = 2;
    const accepted = so.add("n", 1);
    so.add("n", 10);
    await scene.pass(2000);
    expect(await accepted).toMatchObject({ version: 1 });
    expect([so.get("n"), scene.server.object("chat/1").appliedIds.length]).toEqual([11, 2]);
    const numbers = http.batches.map(({ number }) => number);
    expect(numbers).toEqual(numbers.map((_, at) => at + 2));
  });

  test("what gathers while a batch is on its way leaves in the next", async () => {
    const so = scene.client("ada", over(name)).object<{ n: number }>("chat/1");
    await scene.pass();
    const before = http.batches.length;
    for (let tick = 0; tick < 20; tick++) {
      so.add("n", 1);
      await scene.pass(1);
    }
    await scene.pass(500);
    expect(so.get("n")).toBe(20);
    expect(http.batches.length - before).toBeLessThan(5);
  });

  test("a session that the server has forgotten is resumed by the next", async () => {
    const ada = scene.client("ada", over(name));
    const so = ada.object<{ n: number }>("chat/1");
    await scene.pass();
    so.add("n", 1);
    scene.server.link("ada").cut();
    http.forget();
    so.add("n", 10);
    await scene.pass(2000);
    expect([ada.state, so.state, so.get("n")]).toEqual(["live", "live", 11]);
    expect(scene.server.object("chat/1").values()).toEqual({ n: 11 });
  });

  test("a session that the server ends for good ends the client", async () => {
    const ada = scene.client("ada", over(name));
    const codes: string[] = [];
    ada.on("error", ({ code }) => codes.push(code));
    await scene.pass();
    scene.server.link("ada").cut(4403);
    await scene.pass();
    expect([ada.state, codes]).toEqual(["closed", ["unauthorized"]]);
  });

  test("a token that is not accepted ends the client", async () => {
    const ada = scene.client("ada", over(name, { token: "wrong" }));
    await scene.pass();
    expect(ada.state).toBe("closed");
  });

  test("what is said right before the end still leaves, and the session ends at once", async () => {
    const ada = scene.client("ada", over(name));
    const so = ada.object<{ n: number }>("chat/1");
    await scene.pass();
    so.add("n", 1);
    ada.close();
    await scene.pass(200);
    expect(scene.server.object("chat/1").values()).toEqual({ n: 1 });
    expect([http.requests.at(-1), scene.server.sessions.size]).toEqual(["DELETE poll", 0]);
  });

  test("a network that is away for two seconds costs no session", async () => {
    const ada = scene.client("ada", over(name));
    const so = ada.object<{ n: number }>("chat/1");
    await scene.pass();
    const { session } = scene.server.link("ada");
    http.isDown = true;
    const accepted = so.add("n", 1);
    await scene.pass(2000);
    http.isDown = false;
    await scene.pass(3000);
    expect(await accepted).toMatchObject({ version: 1 });
    expect(scene.server.link("ada").session).toBe(session);
  });
});

test.each(["stream", "sse"] as const)("%s that is cut in the middle of a message is resumed", async (name) => {
  const ada = scene.client("ada", over(name));
  const so = ada.object<{ log: string[] }>("chat/1");
  const bob = scene.client("bob").object<{ log: string[] }>("chat/1");
  http.cutAfter_bytes = 300;
  await scene.pass();
  for (let item = 0; item < 50; item++) {
    so.append("log", `a${item}`);
    bob.append("log", `b${item}`);
    await scene.pass(100);
  }
  http.cutAfter_bytes = Number.POSITIVE_INFINITY;
  await scene.pass(60_000);
  const log = [...(so.get("log") ?? [])];
  expect(log).toHaveLength(100);
  expect(new Set(log).size).toBe(100);
  expect(log).toEqual(scene.server.object("chat/1").values().log);
});

test("a stream that is held up is none", async () => {
  http.holdsUp = ["stream"];
  const ada = scene.client("ada", over("stream"));
  await scene.pass(20_000);
  expect([ada.state === "live", ada.transport]).toEqual([false, undefined]);
  http.holdsUp = [];
  await scene.pass(30_000);
  expect([ada.state, ada.transport]).toEqual(["live", "stream"]);
});
