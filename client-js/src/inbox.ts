// Inbox: what others wrote to this user, as the page sees it.

import type { ListenOptions, Off } from "./events.ts";
import type { ConnectionState } from "./line-events.ts";
import type { Relay } from "./relay.ts";
import type { TransportName } from "./transport.ts";
import type { Value } from "./values.ts";

/** Somebody wrote to this user. */
export interface PrivateMessage {
  /** Its place in this user's inbox: for `read`. */
  readonly seq: number;
  readonly from: string;
  /** Rises with each message of one of the sender's devices. */
  readonly id: number;
  readonly body: Value;
  /** When it was stored: the server's clock, Unix milliseconds. */
  readonly time: number;
  readonly kind: string | undefined;
}

/** Another device of this user wrote to somebody. */
export interface SentCopy {
  readonly seq: number;
  readonly to: string;
  readonly id: number;
  readonly body: Value;
  readonly time: number;
  readonly kind: string | undefined;
  /** Its place in the recipient's inbox: a receipt that reaches it is about this one too. */
  readonly at: number;
}

/** How much of his inbox a user has on some device, and how much he has read of what this user wrote. */
export interface Receipt {
  readonly seq: number;
  readonly user: string;
  readonly delivered: number;
  readonly read: number;
  readonly time: number;
}

/** On another device this user has read what `user` wrote, up to `read`. */
export interface Seen {
  readonly seq: number;
  readonly user: string;
  readonly read: number;
  readonly time: number;
}

/** Somebody said something that is not kept. */
export interface Signal {
  readonly from: string;
  readonly kind: string;
  readonly body: Value;
}

/** What each event's listeners are handed. */
export interface InboxEvents {
  message: PrivateMessage;
  copy: SentCopy;
  receipt: Receipt;
  seen: Seen;
  /** Some of the entries up to `to` are gone: this device was away for too long. */
  missed: { readonly to: number };
  /** That was all that waited. */
  current: { readonly seq: number };
  signal: Signal;
  state: ConnectionState;
  transport: TransportName | undefined;
}

/** The inbox of this client's user. */
export class Inbox {
  readonly #relay: Relay;

  constructor(relay: Relay) {
    this.#relay = relay;
  }

  /** How the connection for messages is; `offline` too while it is not needed. */
  get state(): ConnectionState {
    return this.#relay.line.state;
  }

  /** How messages are reached, or were last. */
  get transport(): TransportName | undefined {
    return this.#relay.line.transportName;
  }

  /**
   * Listens. The first listener opens the inbox; then each entry is handed once to those that there are. Returns a function that ends it.
   * While nobody listens nothing is handed out.
   */
  on<Name extends keyof InboxEvents>(
    name: Name,
    listener: (event: InboxEvents[Name]) => void,
    options: ListenOptions = {},
  ): Off {
    if (name === "state" || name === "transport") return this.#relay.line.events.on(name, listener as never, options);
    const off = this.#relay.reader.events.on(name, listener, options);
    this.#relay.start();
    this.#relay.reader.listened();
    return off;
  }
}
