// Stories of how a client finds its way: networks that break WebSockets, and those that stop doing so.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ConnectOptions, connect } from "../src/index.ts";
import { FakeHttp } from "./fake-http.ts";
import { FakeSockets } from "./fake-socket.ts";
import { Scene } from "./scene.ts";

const minutes_ms = 60_000;

let scene: Scene;
let http: FakeHttp;
let sockets: FakeSockets;
let kept: Map<string, string>;
beforeEach(() => {
  scene = new Scene();
  http = new FakeHttp({ objects: scene.server, relay: scene.relay });
  sockets = new FakeSockets({ objects: scene.server, relay: scene.relay });
  kept = new Map();
  vi.stubGlobal("fetch", http.fetch);
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
});
afterEach(() => {
  scene.end();
  vi.unstubAllGlobals();
});

const enter = (user: string, options: ConnectOptions = {}) =>
  scene.client(user, { url: "ws://host/objects", transport: "auto", WebSocket: sockets.class, ...options });
const rememberedName = () => [...kept.values()].map((text) => JSON.parse(text).name);

describe("the first door that lets it in", () => {
  test("is a WebSocket where that works; nothing else is tried, and nothing has to be remembered", async () => {
    const ada = enter("ada");
    await scene.pass();
    expect([ada.state, ada.transport, http.requests, kept.size]).toEqual(["live", "websocket", [], 0]);
  });

  test.each(["refused", "swallowed", "deaf"] as const)("is over HTTP where it is %s", async (mood) => {
    sockets.mood = mood;
    const ada = enter("ada");
    const names: unknown[] = [];
    ada.on("transport", (name) => names.push(name));
    const so = ada.object<{ n: number }>("chat/1");
    await scene.pass(mood === "refused" ? 200 : 3200);
    so.add("n", 1);
    await scene.pass();
    expect([ada.state, ada.transport, names, so.get("n")]).toEqual(["live", "stream", ["stream"], 1]);
    expect(rememberedName()).toEqual(["stream"]);
  });

  test.each([
    [["stream"], "sse", 2200],
    [["stream", "sse"], "poll", 3200],
  ] as const)("where %s is held up too it is %s", async (holdsUp, name, within_ms) => {
    sockets.mood = "refused";
    http.holdsUp = holdsUp;
    const ada = enter("ada");
    const so = ada.object<{ n: number }>("chat/1");
    const accepted = so.add("n", 1);
    await scene.pass(within_ms);
    expect([ada.state, ada.transport, rememberedName()]).toEqual(["live", name, [name]]);
    expect(await accepted).toMatchObject({ version: 1 });
  });

  test("is the WebSocket after all if that is only slow, and HTTP is slower", async () => {
    scene.server.latency_ms = () => 1800;
    const ada = enter("ada");
    await scene.pass(6000);
    expect([ada.state, ada.transport]).toEqual(["live", "websocket"]);
    await scene.pass(30_000);
    expect([ada.state, ada.transport, scene.server.sessions.size]).toEqual(["live", "websocket", 1]);
  });

  test("is HTTP where there is no WebSocket at all", async () => {
    const ada = scene.client("ada", { url: "ws://host/objects", transport: "auto" });
    await scene.pass();
    expect([ada.state, ada.transport]).toEqual(["live", "stream"]);
    expect(() => connect("ws://host/objects", { transport: "websocket" })).toThrow(TypeError);
    expect(() => connect("ws://host/else")).toThrow(TypeError);
    expect(() => connect("ws://host/objects", { transport: "pigeon" as "poll" })).toThrow(TypeError);
  });

  test("is none if the server says no", async () => {
    const ada = enter("ada", { token: "wrong" });
    await scene.pass();
    expect([ada.state, http.requests]).toEqual(["closed", []]);
  });
});

describe("what has worked", () => {
  test("is used first in the next page, and a WebSocket is tried beside it at once", async () => {
    sockets.mood = "refused";
    const first = enter("ada");
    await scene.pass(500);
    first.close();
    sockets.mood = "swallowed";
    sockets.opened = 0;
    const ada = enter("ada");
    await scene.pass(100);
    expect([ada.state, ada.transport, sockets.opened]).toEqual(["live", "stream", 1]);
    await scene.pass(9 * minutes_ms);
    expect([ada.state, sockets.opened]).toEqual(["live", 1]);
  });

  test("is forgotten after a day", async () => {
    sockets.mood = "refused";
    const first = enter("ada");
    await scene.pass(500);
    first.close();
    await scene.pass(25 * 60 * minutes_ms);
    sockets.mood = "open";
    http.requests.length = 0;
    const ada = enter("ada");
    await scene.pass();
    expect([ada.transport, http.requests, kept.size]).toEqual(["websocket", [], 1]);
  });

  test("is what it was if somebody has written nonsense there", async () => {
    for (const nonsense of [
      "{",
      "null",
      '"poll"',
      '{"name":"pigeon","until_ms":1e15}',
      '{"name":"poll","until_ms":1e99}',
    ]) {
      kept.set("slotcast transport http://host/", nonsense);
      const ada = enter("ada");
      await scene.pass();
      expect(ada.transport).toBe("websocket");
      ada.close();
      await scene.pass();
    }
  });
});

describe("a better way", () => {
  test("is moved to without losing or doubling anything, ten minutes later", async () => {
    sockets.mood = "refused";
    const ada = enter("ada");
    const bob = scene.client("bob").object<{ log: string[]; n: number }>("chat/1");
    const so = ada.object<{ log: string[]; n: number }>("chat/1");
    await scene.pass(500);
    sockets.mood = "open";
    const states: string[] = [];
    ada.on("state", (state) => states.push(state));
    let written = 0;
    const shown = new Set<boolean>();
    so.on("sync", () => shown.add((so.get("n") ?? 0) === written));
    await scene.pass(10 * minutes_ms - 3000);
    expect(ada.transport).toBe("stream");
    for (let at = 0; at < 500; at++) {
      so.append("log", `a${at}`);
      so.add("n", 1);
      written++;
      bob.append("log", `b${at}`);
      await scene.pass(10);
    }
    await scene.pass(1000);
    expect([ada.state, ada.transport, states, kept.size]).toEqual(["live", "websocket", [], 0]);
    const log = [...(so.get("log") ?? [])];
    expect([log.length, new Set(log).size, so.get("n")]).toEqual([1000, 1000, 500]);
    expect(log).toEqual(scene.server.object("chat/1").values().log);
    expect([...shown]).toEqual([true]);
    expect(scene.server.sessions.size).toBe(2);
  });

  test("is looked for no more often than every ten minutes, and what works goes on meanwhile", async () => {
    sockets.mood = "refused";
    const ada = enter("ada");
    const so = ada.object<{ n: number }>("chat/1");
    await scene.pass(500);
    const states: string[] = [];
    ada.on("state", (state) => states.push(state));
    for (const mood of ["refused", "swallowed", "deaf"] as const) {
      sockets.mood = mood;
      sockets.opened = 0;
      await scene.pass(10 * minutes_ms + 1000);
      expect(sockets.opened).toBe(1);
      so.add("n", 1);
      await scene.pass(20_000);
    }
    expect([ada.state, ada.transport, states, so.get("n")]).toEqual(["live", "stream", [], 3]);
  });

  test("is taken by both sockets", async () => {
    sockets.mood = "refused";
    const ada = enter("ada");
    await scene.pass(500);
    const told: unknown[] = [];
    ada
      .person("bob")
      .tell("one")
      .then(() => told.push(1));
    await scene.pass(500);
    sockets.mood = "open";
    await scene.pass(20 * minutes_ms);
    ada
      .person("bob")
      .tell("two")
      .then(() => told.push(2));
    await scene.pass(500);
    expect([ada.transport, ada.inbox.transport, told]).toEqual(["websocket", "websocket", [1, 2]]);
    expect(scene.relay.link("ada").isOpen).toBe(true);
  });

  test("is HTTP if a WebSocket is cut again and again", async () => {
    const ada = enter("ada");
    const so = ada.object<{ n: number }>("chat/1");
    await scene.pass();
    for (let cut = 0; cut < 3; cut++) {
      so.add("n", 1);
      await scene.pass(5000);
      scene.server.link("ada").cut();
      await scene.pass(5000);
    }
    expect([ada.state, ada.transport, so.get("n")]).toEqual(["live", "stream", 3]);
  });
});

test("a network that breaks every socket while the page is there: it goes on over HTTP", async () => {
  const ada = enter("ada");
  const so = ada.object<{ n: number }>("chat/1");
  await scene.pass();
  sockets.mood = "refused";
  scene.server.link("ada").cut();
  so.add("n", 1);
  await scene.pass(1000);
  expect([ada.state, ada.transport, so.state, so.get("n")]).toEqual(["live", "stream", "live", 1]);
  expect(scene.server.object("chat/1").values()).toEqual({ n: 1 });
});

test("a hello that comes late, when another session has begun, does not end the client", async () => {
  sockets.mood = "deaf";
  const ada = enter("ada");
  await scene.pass(3200);
  expect(ada.transport).toBe("stream");
  // What the server says to the stream when the hello of the socket arrives after all.
  scene.server.link("ada").cut(4409);
  await scene.pass(2000);
  expect([ada.state, ada.transport]).toEqual(["live", "stream"]);
  await scene.pass(30_000);
  scene.server.link("ada").cut(4409);
  await scene.pass(100);
  expect(ada.state).toBe("closed");
});
