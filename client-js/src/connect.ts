// Connect: what a page says to have a client.

import { Automatic, type Choice, named, only } from "./choice.ts";
import { Slotcast } from "./client.ts";
import { Connection } from "./connection.ts";
import { type CursorStore, indexedDbCursors, memoryCursors } from "./cursors.ts";
import { Identity } from "./identity.ts";
import { isDeviceName, isUserName } from "./names.ts";
import { httpAddress, relayUrl, socketUrl } from "./page.ts";
import { subprotocol } from "./protocol.ts";
import { Relay } from "./relay.ts";
import { relaySubprotocol } from "./relay-protocol.ts";
import { Remembered } from "./remembered.ts";
import type { TransportFactory, TransportName } from "./transport.ts";
import type { WebSocketClass } from "./websocket.ts";

/** How to connect. All of it is optional. */
export interface ConnectOptions {
  /** Says who the user is. A function is asked anew for each connection, and in time before the last token ends. */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /** The id of this running copy, 1 to 64 of `[A-Za-z0-9._~-]`; two at the same time must differ. A random one if left out. */
  readonly device?: string | undefined;
  /** The guest's name, where the server takes guests. */
  readonly user?: string | undefined;
  /** The relay's address; left out: the objects' with `relay` in the place of `objects`. */
  readonly relay?: string | undefined;
  /**
   * Where this device keeps how much of its user's inbox it has. Left out: with a `device` in the browser's IndexedDB, else in memory, as a random
   * device is another one in the next page.
   */
  readonly cursors?: CursorStore | undefined;
  /**
   * How the server is reached. Left out, or `auto`: by a WebSocket, and where that does not work over HTTP, by `stream`, `sse` or `poll`. Each of these
   * names forces one. A function makes a way of one's own: tests, tunnels.
   */
  readonly transport?: "auto" | TransportName | TransportFactory | undefined;
  /** The WebSocket class where there is no global one, such as the `ws` package's in Node 20. */
  readonly WebSocket?: WebSocketClass | undefined;
}

/**
 * Connects, and stays connected until `close`.
 * @param url `ws://host/objects`, or relative to the page; `/objects` if left out.
 * @throws TypeError for an address, device or user that cannot be, or where there is nothing to reach the server by.
 */
export function connect(url?: string, options: ConnectOptions = {}): Slotcast {
  const { token, user, device = randomDevice() } = options;
  if (!isDeviceName(device)) throw new TypeError(`${JSON.stringify(device)} is no name of a device`);
  if (user !== undefined && !isUserName(user)) throw new TypeError(`${JSON.stringify(user)} is no name of a user`);
  const isOwn = typeof options.transport === "function";
  const resolved = (url: string | undefined) => (isOwn ? (url ?? "") : socketUrl(url));
  const objects = resolved(url);
  const relay = options.relay === undefined ? relayUrl(objects) : resolved(options.relay);
  const identity = new Identity(token, device, user);
  const newChoice = choices(options);
  const connection = new Connection(identity, newChoice(objects, subprotocol));
  return new Slotcast(connection, () => {
    if (relay === undefined) throw new TypeError(`where is the relay of ${objects}? Say so: connect(url, { relay })`);
    const isKept = options.device !== undefined && globalThis.indexedDB !== undefined;
    const ownStore = () => (isKept ? indexedDbCursors(`${relay} ${identity.user} ${device}`) : memoryCursors());
    const newStore = () => options.cursors ?? ownStore();
    return new Relay(identity, newChoice(relay, relaySubprotocol), newStore, connection.known.promise);
  });
}

const names: readonly string[] = ["auto", "websocket", "stream", "sse", "poll"] satisfies ("auto" | TransportName)[];

/** What makes the choice of transports for an address. What is learned of a server there is shared. */
function choices({
  transport = "auto",
  WebSocket: given,
}: ConnectOptions): (url: string, subprotocol: string) => Choice {
  if (typeof transport === "string" && !names.includes(transport)) throw new TypeError(`${transport} is no transport`);
  if (typeof transport === "function") return (url, subprotocol) => only(() => transport(url, subprotocol));
  const webSocketClass = given ?? (globalThis.WebSocket as WebSocketClass | undefined);
  const servers = new Map<string, Remembered>();
  return (url, subprotocol) => {
    const webSocket = named("websocket", url, subprotocol, webSocketClass);
    if (transport !== "auto") return only(named(transport, url, subprotocol, webSocketClass) ?? nothing(url));
    if (!webSocket && !named("poll", url, subprotocol, undefined)) nothing(url);
    const server = httpAddress(url)?.base ?? url;
    const remembered = servers.get(server) ?? new Remembered(server);
    servers.set(server, remembered);
    return new Automatic(url, webSocket, remembered);
  };
}

/**
 * What makes transports of this name, for a `transport` that decides by itself.
 * @throws TypeError from the function, as `connect` does.
 */
export function transports(name: TransportName, options: Pick<ConnectOptions, "WebSocket"> = {}): TransportFactory {
  const webSocketClass = options.WebSocket ?? (globalThis.WebSocket as WebSocketClass | undefined);
  return (url, subprotocol) => (named(name, url, subprotocol, webSocketClass) ?? nothing(url))();
}

function nothing(url: string): never {
  throw new TypeError(
    `there is no way to ${url} here: give a WebSocket class, connect(url, { WebSocket }), or another transport`,
  );
}

/** Not `randomUUID`: pages over plain HTTP have none. */
function randomDevice(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
