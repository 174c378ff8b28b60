// The page and the socket around the client.

import { afterEach, expect, expectTypeOf, test, vi } from "vitest";
import { connect, type SharedObject } from "../src/index.ts";
import { encode } from "../src/msgpack.ts";
import { relayUrl, socketUrl } from "../src/page.ts";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("the address comes from the page, if there is one", () => {
  expect(socketUrl("ws://host/objects")).toBe("ws://host/objects");
  expect(socketUrl("https://host/x#y")).toBe("wss://host/x");
  expect(() => socketUrl()).toThrow(TypeError);
  vi.stubGlobal("location", { href: "https://host:8080/demos/chat?room=1" });
  expect(socketUrl()).toBe("wss://host:8080/objects");
  expect(socketUrl("/other")).toBe("wss://host:8080/other");
  expect(socketUrl("ws://else/objects")).toBe("ws://else/objects");
  expect(() => socketUrl("ftp://host/")).toThrow("no address");
});

test("the relay's address is the objects' with another end, or is said", () => {
  expect(relayUrl("wss://host:8080/objects")).toBe("wss://host:8080/relay");
  expect(relayUrl("ws://objects/a/objects?b=/objects")).toBe("ws://objects/a/relay?b=/objects");
  expect(relayUrl("ws://host/objects/else")).toBeUndefined();
  const opened: string[] = [];
  class Listed extends FakeWebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      opened.push(`${url} ${protocols}`);
    }
  }
  const tell = (url: string, relay?: string) => {
    const client = connect(url, { WebSocket: Listed, user: "alice", relay });
    client.person("bob").tell(1);
    client.close();
  };
  tell("ws://host/objects");
  tell("ws://host/else", "ws://host/people");
  expect(opened).toEqual([
    "ws://host/objects slotcast.v1.msgpack",
    "ws://host/relay slotcast.relay.v1.msgpack",
    "ws://host/else slotcast.v1.msgpack",
    "ws://host/people slotcast.relay.v1.msgpack",
  ]);
  expect(() => tell("ws://host/else")).toThrow(TypeError);
});

class FakeWebSocket {
  static last: FakeWebSocket;
  binaryType = "";
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly sent: Uint8Array[] = [];
  readonly closed: (number | undefined)[] = [];

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    FakeWebSocket.last = this;
  }

  send(data: Uint8Array): void {
    this.sent.push(data);
  }

  close(code?: number): void {
    this.closed.push(code);
  }
}

test("any WebSocket class will do", async () => {
  vi.useFakeTimers();
  const client = connect("ws://host/objects", { WebSocket: FakeWebSocket, user: "ada" });
  const socket = FakeWebSocket.last;
  expect([socket.url, socket.protocols, socket.binaryType]).toEqual([
    "ws://host/objects",
    ["slotcast.v1.msgpack"],
    "arraybuffer",
  ]);
  socket.onopen?.(undefined as never);
  await vi.advanceTimersByTimeAsync(0);
  expect(socket.sent).toHaveLength(1);
  const welcome = encode([16, "s", "ada", "d", 0, {}]);
  socket.onmessage?.({ data: welcome.buffer.slice(0, welcome.length) } as never);
  expect(client.state).toBe("live");
  client.close();
  client.close();
  expect(socket.closed).toEqual([1000]);
  socket.onclose?.({ code: 1006, reason: "" } as never);
  expect(client.state).toBe("closed");
});

test("names that cannot be are refused at once", () => {
  expect(() => connect("ws://host/", { WebSocket: FakeWebSocket, device: "a b" })).toThrow(TypeError);
  expect(() => connect("ws://host/", { WebSocket: FakeWebSocket, user: "@a" })).toThrow(TypeError);
});

test("slots are typed", () => {
  interface Chat {
    topic: string;
    log: { by: string; at: number; v: number; item: string }[];
  }
  type So = SharedObject<Chat>;
  expectTypeOf<ReturnType<So["get"]>>().not.toBeAny();
  const use = (so: So) => {
    expectTypeOf(so.get("topic")).toEqualTypeOf<string | undefined>();
    so.append("log", "hello", { stamp: true });
    so.set("topic", null);
    // @ts-expect-error a number is no topic
    so.set("topic", 1);
    // @ts-expect-error no such slot
    so.get("tpoic");
    so.on("change", (event) => {
      if (event.slot === "topic") expectTypeOf(event.value).toEqualTypeOf<string>();
    });
    so.on("reject", ({ code, value }) => [code, value]);
    so.on("send:hi", ({ value }) => value);
    so.transact((tx) => {
      if (tx.get("topic") === "tea") return tx.abort();
      tx.set("topic", "tea");
    });
  };
  expect(use).toBeTypeOf("function");
});
