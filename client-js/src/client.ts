// The client: its objects over one connection, its people over another.

import type { Connection } from "./connection.ts";
import type { ListenOptions, Off } from "./events.ts";
import { Friends } from "./friends.ts";
import { Inbox } from "./inbox.ts";
import type { ConnectionEvents, ConnectionState } from "./line-events.ts";
import { isObjectName, isPattern, isUserName } from "./names.ts";
import { SharedObject } from "./object.ts";
import { OwnStatus } from "./own-status.ts";
import { Person } from "./person.ts";
import { Rejected } from "./rejected.ts";
import type { Relay } from "./relay.ts";
import { Replica } from "./replica.ts";
import type { TransportName } from "./transport.ts";
import type { Value } from "./values.ts";

/** For `object`. */
export interface ObjectOptions {
  /** Only slots that match: names, or beginnings followed by `*`; at most 16. Left out: all. */
  readonly slots?: readonly string[] | undefined;
  /** Changes a second at the most, 1 to 1000, with the latest values; `send`s all come. Left out: as the object's kind says, mostly all at once. */
  readonly rate?: number | undefined;
}

/** A client. Made by {@link connect}. */
export class Slotcast {
  readonly #connection: Connection;
  readonly #objects = new WeakMap<Replica, unknown>();

  readonly #newRelay: () => Relay;
  #relay: Relay | undefined;
  #inbox: Inbox | undefined;
  #friends: Friends | undefined;

  /** `newRelay` is called when people are needed for the first time. */
  constructor(connection: Connection, newRelay: () => Relay) {
    this.#connection = connection;
    this.#newRelay = newRelay;
    // What ends one socket for good is true of the other.
    connection.line.events.on("state", (state) => state === "closed" && this.#relay?.close());
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

  /** How the objects are reached, or were last; undefined before the first welcome, and for a way of the application's own. */
  get transport(): TransportName | undefined {
    return this.#connection.line.transportName;
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

  /** The messages to this user. */
  get inbox(): Inbox {
    this.#inbox ??= new Inbox(this.#people());
    return this.#inbox;
  }

  /** The list of friends. It is asked for with the first use of this, and kept up to date from then on. */
  get friends(): Friends {
    this.#friends ??= new Friends(this.#people());
    return this.#friends;
  }

  /** How this client's user says that he is. */
  get status(): OwnStatus {
    return new OwnStatus(this.#people());
  }

  /**
   * Somebody else, to be told something.
   * @throws Rejected (`bad_name`), TypeError where it is not known where the relay is
   */
  person(id: string): Person {
    if (!isUserName(id)) throw new Rejected("bad_name", `user ${JSON.stringify(id)}`);
    return new Person(id, this.#people());
  }

  /** The relay, not connected before it is needed. */
  #people(): Relay {
    if (this.#relay) return this.#relay;
    const relay = this.#newRelay();
    const { events, state } = this.#connection.line;
    relay.line.events.on("error", (failure) => events.emit("error", failure));
    relay.line.events.on("state", (state) => state === "closed" && this.close());
    if (state === "closed") relay.close();
    this.#relay = relay;
    return relay;
  }

  /** Listens to the connection. Returns a function that ends it; `signal` does so too. */
  on<Name extends keyof ConnectionEvents>(
    name: Name,
    listener: (event: ConnectionEvents[Name]) => void,
    options: ListenOptions = {},
  ): Off {
    return this.#connection.line.events.on(name, listener, options);
  }

  /** Ends both connections and all objects for good. */
  close(): void {
    this.#relay?.close();
    this.#connection.line.close();
  }
}
