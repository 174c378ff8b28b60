// The client: one connection and the objects used over it.

import { Connection } from "./connection.ts";
import type { ListenOptions, Off } from "./events.ts";
import { Identity } from "./identity.ts";
import type { ConnectionEvents, ConnectionState } from "./line.ts";
import { isDeviceName, isObjectName, isPattern, isUserName } from "./names.ts";
import { SharedObject } from "./object.ts";
import { socketUrl } from "./page.ts";
import { Rejected } from "./rejected.ts";
import { Replica } from "./replica.ts";
import { type TransportFactory, type WebSocketClass, WebSocketTransport } from "./transport.ts";
import type { Value } from "./values.ts";

/** How to connect. All of it is optional. */
export interface ConnectOptions {
  /** Says who the user is. A function is asked anew for each connection. */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /** The id of this running copy, 1 to 64 of `[A-Za-z0-9._~-]`; two at the same time must differ. A random one if left out. */
  readonly device?: string | undefined;
  /** The guest's name, where the server takes guests. */
  readonly user?: string | undefined;
  /** Another socket than a WebSocket: tests, tunnels. */
  readonly transport?: TransportFactory | undefined;
  /** The WebSocket class where there is no global one, such as the `ws` package's in Node 20. */
  readonly WebSocket?: WebSocketClass | undefined;
}

/** For `object`. */
export interface ObjectOptions {
  /** Only slots that match: names, or beginnings followed by `*`; at most 16. Left out: all. */
  readonly slots?: readonly string[] | undefined;
  /** Changes a second at the most, 1 to 1000, with the latest values; `send`s all come. Left out: as the object's kind says, mostly all at once. */
  readonly rate?: number | undefined;
}

/**
 * Connects, and stays connected until `close`.
 * @param url `ws://host/objects`, or relative to the page; `/objects` if left out.
 * @throws TypeError for an address, device or user that cannot be, or where there is no WebSocket.
 */
export function connect(url?: string, options: ConnectOptions = {}): Slotcast {
  const { token, user, device = randomDevice() } = options;
  if (!isDeviceName(device)) throw new TypeError(`${JSON.stringify(device)} is no name of a device`);
  if (user !== undefined && !isUserName(user)) throw new TypeError(`${JSON.stringify(user)} is no name of a user`);
  const newTransport = options.transport ?? webSocket(options.WebSocket);
  const address = options.transport ? (url ?? "") : socketUrl(url);
  return new Slotcast(new Connection(new Identity(token, device, user), () => newTransport(address)));
}

/** Not `randomUUID`: pages over plain HTTP have none. */
function randomDevice(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function webSocket(given: WebSocketClass | undefined): TransportFactory {
  const webSocketClass = given ?? (globalThis.WebSocket as WebSocketClass | undefined);
  if (!webSocketClass) throw new TypeError("there is no WebSocket here: give one, connect(url, { WebSocket })");
  return (url) => new WebSocketTransport(url, webSocketClass);
}

/** A client. Made by {@link connect}. */
export class Slotcast {
  readonly #connection: Connection;
  readonly #objects = new WeakMap<Replica, unknown>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** `connecting`, `live`, `offline` until the next attempt, or `closed` for good. */
  get state(): ConnectionState {
    return this.#connection.line.state;
  }

  /** Who this client is, by the server's word; empty before the first welcome. */
  get user(): string {
    return this.#connection.user;
  }

  /** The present connection's id; undefined before the first welcome. */
  get session(): string | undefined {
    return this.#connection.line.session;
  }

  /** The server's clock, Unix milliseconds, estimated. */
  now(): number {
    return this.#connection.line.now();
  }

  /**
   * The object of this name, usable at once: reads give nothing until its copy is there, writes wait.
   * Asked for again before its release, it is the same one.
   * @throws Rejected (`bad_name`, `bad_field`, `too_many`, `released`) for names and patterns that cannot be, or a closed client.
   */
  object<T extends object = Record<string, Value>>(name: string, { slots, rate }: ObjectOptions = {}): SharedObject<T> {
    const present = this.#connection.replica(name);
    const replica = present ?? this.#newReplica(name, slots, rate);
    if (present && (String(present.patterns) !== String(slots) || present.rate !== rate)) {
      throw new Rejected("bad_field", `${name} is used with other slots or another rate already`);
    }
    const known = this.#objects.get(replica) as SharedObject<T> | undefined;
    if (known) return known;
    const object = new SharedObject<T>(this.#connection, replica);
    this.#objects.set(replica, object);
    return object;
  }

  #newReplica(name: string, slots: readonly string[] | undefined, rate: number | undefined): Replica {
    if (this.state === "closed") throw new Rejected("released", "the client is closed");
    if (!isObjectName(name)) throw new Rejected("bad_name", `object ${JSON.stringify(name)}`);
    const wrong = slots?.find((pattern) => !isPattern(pattern));
    if (wrong !== undefined) throw new Rejected("bad_name", `pattern ${JSON.stringify(wrong)}`);
    if (slots && slots.length > 16) throw new Rejected("too_many", "16 patterns at most");
    if (rate !== undefined && !(Number.isInteger(rate) && rate >= 1 && rate <= 1000)) {
      throw new Rejected("bad_field", "rate: must be 1 to 1000");
    }
    const replica = new Replica(name, slots, rate, this.#connection);
    this.#connection.use(replica);
    return replica;
  }

  /** Listens to the connection. Returns a function that ends it; `signal` does so too. */
  on<Name extends keyof ConnectionEvents>(
    name: Name,
    listener: (event: ConnectionEvents[Name]) => void,
    options: ListenOptions = {},
  ): Off {
    return this.#connection.line.events.on(name, listener, options);
  }

  /** Ends the connection and all its objects for good. */
  close(): void {
    this.#connection.line.close();
  }
}
