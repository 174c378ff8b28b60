// Line: a socket to one door of the server over all its lives: hello, heartbeat, reconnecting.

import { Backoff } from "./backoff.ts";
import { Emitter } from "./events.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { Identity } from "./identity.ts";
import { type LineMessage, lineMessage, messageFields, type ServerError, type Welcome } from "./line-incoming.ts";
import { MalformedValue } from "./msgpack.ts";
import { onAwake } from "./page.ts";
import { encodeMessage } from "./protocol.ts";
import { ServerClock } from "./server-clock.ts";
import type { Transport } from "./transport.ts";
import type { Value } from "./values.ts";

/** `offline` while it waits for the next attempt, or is not needed yet; `closed` for good. */
export type ConnectionState = "connecting" | "live" | "offline" | "closed";

/** Something went wrong that no promise tells. */
export interface Failure {
  /** A code of protocol.md, section 8, or `replaced`, `fault`. */
  readonly code: string;
  readonly what: string;
  readonly object: string | undefined;
}

/** What each event's listeners are handed. */
export interface ConnectionEvents {
  state: ConnectionState;
  error: Failure;
  /** The server will close; the client comes back by itself. `retry_ms`: about when. */
  goaway: { readonly retry_ms: number; readonly reason: string };
}

/** Why a line has ended for good. */
export type EndCode = "released" | "replaced" | "unauthorized";

/** Who speaks over a line, of what is said behind its door. */
export interface Speaker<Message> {
  /** The message with these fields; undefined if its type is not known. */
  decode(fields: readonly Value[]): Message | undefined;
  /** A session has begun: what was posted before is gone. */
  welcomed(welcome: Welcome): void;
  received(message: Message): void;
  /** The server has refused something; the listeners of `error` know. */
  refused(error: ServerError): void;
  /** The tick ends: the last chance to post what is to leave in it. */
  pump(): void;
  /** The session is gone. */
  cut(): void;
  /** There will be no other. */
  ended(code: EndCode, what: string): void;
}

/** From opening the socket to `welcome`. */
const welcome_ms_max = 10_000;

export class Line<Message> {
  readonly events = new Emitter<ConnectionEvents>();
  state: ConnectionState = "offline";
  session: string | undefined;

  readonly #clock = new ServerClock();
  readonly #backoff = new Backoff();
  #limits: Readonly<Record<string, number>> = {};
  #out: Uint8Array[] = [];
  #isFlushing = false;
  #transport: Transport | undefined;
  #heartbeat: Heartbeat | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopListening: (() => void) | undefined;
  #welcomed_ms = 0;
  #asked_ms = 0;

  constructor(
    readonly identity: Identity,
    readonly newTransport: () => Transport,
    readonly speaker: Speaker<Message>,
  ) {}

  /** Connects, and stays connected until `close`. */
  start(): void {
    if (this.#stopListening || this.state === "closed") return;
    this.#stopListening = onAwake(() => this.#awake());
    this.#open();
  }

  /** The server's clock, Unix milliseconds. */
  now(): number {
    return this.#clock.now();
  }

  /** What the last welcome said, if it did. */
  limit(name: string): number | undefined {
    return this.#limits[name];
  }

  // ---- the socket

  #open(): void {
    clearTimeout(this.#timer);
    this.#become("connecting");
    const transport = this.newTransport();
    this.#transport = transport;
    const isPresent = () => this.#transport === transport;
    transport.listen({
      opened: () => void (isPresent() && this.#hello(transport)),
      received: (bytes) => void (isPresent() && this.#received(bytes)),
      closed: (code, reason) => void (isPresent() && this.#closed(code, reason)),
    });
    this.#timer = setTimeout(() => this.#cut(), welcome_ms_max);
    transport.open();
  }

  async #hello(transport: Transport): Promise<void> {
    try {
      const hello = await this.identity.hello();
      if (this.#transport !== transport) return;
      this.#asked_ms = Date.now();
      transport.send([hello]);
    } catch (error) {
      this.fail("unauthorized", `no token: ${error instanceof Error ? error.message : String(error)}`);
      if (this.#transport === transport) this.#cut();
    }
  }

  #closed(code: number, reason: string): void {
    if (code === 4401) this.#end("unauthorized", reason || "the token was not accepted");
    else if (code === 4403) this.#end("unauthorized", reason || "the right to be here was taken back");
    else if (code === 4409) this.#end("replaced", reason || "the same user and device connected again");
    else this.#lost();
  }

  /** Gives the connection up without waiting for the other side. */
  #cut(): void {
    this.#transport?.close(4000);
    this.#lost();
  }

  #lost(): void {
    const lived_ms = this.state === "live" ? Date.now() - this.#welcomed_ms : 0;
    this.#detach();
    this.#timer = setTimeout(() => this.#open(), this.#backoff.next(lived_ms));
    this.#become("offline");
  }

  #detach(): void {
    clearTimeout(this.#timer);
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
    this.#transport = undefined;
    this.#out = [];
    this.speaker.cut();
  }

  #awake(): void {
    if (this.state === "live") this.#heartbeat?.check();
    else if (this.state === "offline") this.#open();
  }

  /** The end, by the user or by the server. */
  #end(code: EndCode, what: string): void {
    this.#detach();
    this.#stopListening?.();
    this.#become("closed");
    if (code !== "released") this.fail(code, what);
    this.speaker.ended(code, what);
  }

  close(): void {
    if (this.state === "closed") return;
    this.#flush();
    this.#transport?.close(1000);
    this.#end("released", "the client was closed");
  }

  #become(state: ConnectionState): void {
    if (this.state === state) return;
    this.state = state;
    this.events.emit("state", state);
  }

  /** Tells what no promise tells. */
  fail(code: string, what: string, object?: string): void {
    this.events.emit("error", { code, what, object });
  }

  // ---- messages that come

  #received(bytes: Uint8Array): void {
    this.#heartbeat?.heard();
    try {
      const fields = messageFields(bytes);
      const own = lineMessage(fields);
      if (own) return this.#dispatch(own);
      const message = this.speaker.decode(fields);
      if (message) this.speaker.received(message);
    } catch (error) {
      if (!(error instanceof MalformedValue)) throw error;
      this.fail("bad_message", error.message);
      this.#cut();
    }
  }

  #dispatch(message: LineMessage): void {
    switch (message.type) {
      case "welcome":
        return this.#welcome(message);
      case "error":
        this.fail(message.code, message.what, message.object);
        return this.speaker.refused(message);
      case "pong":
        return this.#clock.sample(message.time_ms, this.#asked_ms);
      case "goaway":
        this.#backoff.goaway(message.retry_ms);
        this.events.emit("goaway", { retry_ms: message.retry_ms, reason: message.reason });
        return;
      case "renewed":
      case "close":
        // Nothing here renews, and a WebSocket has a close of its own.
        return;
    }
  }

  #welcome(welcome: Welcome): void {
    const { session, user, time_ms, limits } = welcome;
    clearTimeout(this.#timer);
    this.identity.user = user;
    this.session = session;
    this.#limits = limits;
    this.#welcomed_ms = Date.now();
    this.#clock.restart();
    this.#clock.sample(time_ms, this.#asked_ms);
    this.#heartbeat = new Heartbeat(
      () => this.#ping(),
      () => this.#cut(),
    );
    this.#become("live");
    // A listener may have closed it.
    if (this.state === "live") this.speaker.welcomed(welcome);
  }

  #ping(): void {
    this.#asked_ms = Date.now();
    this.post(encodeMessage({ type: "ping" }));
  }

  // ---- messages that go

  /** Hands a message to the socket at the end of this tick. */
  post(message: Uint8Array): void {
    this.#out.push(message);
    this.flushSoon();
  }

  /** What one tick gives goes to the socket in one go. */
  flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushing = false;
    this.speaker.pump();
    const messages = this.#out;
    this.#out = [];
    if (messages.length > 0 && this.state === "live") this.#transport?.send(messages);
  }
}
