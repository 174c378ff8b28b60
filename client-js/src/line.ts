// Line: the way to one door of the server over all its lives: attempts, heartbeat, reconnecting, moving to a better transport.

import { Approach } from "./approach.ts";
import { Backoff } from "./backoff.ts";
import type { Choice } from "./choice.ts";
import { Emitter } from "./events.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { Identity } from "./identity.ts";
import type { ConnectionEvents, ConnectionState } from "./line-events.ts";
import { type LineMessage, lineMessage, messageFields, type Welcome } from "./line-incoming.ts";
import { MalformedValue } from "./msgpack.ts";
import { onAwake } from "./page.ts";
import { encodeMessage } from "./protocol.ts";
import { Renewal } from "./renewal.ts";
import { ServerClock } from "./server-clock.ts";
import type { EndCode, Speaker } from "./speaker.ts";
import type { Transport, TransportName } from "./transport.ts";

export class Line<Message> {
  readonly events = new Emitter<ConnectionEvents>();
  state: ConnectionState = "offline";
  session: string | undefined;
  /** The present one, or the last. */
  transportName: TransportName | undefined;

  readonly #clock = new ServerClock();
  readonly #backoff = new Backoff();
  readonly #approach: Approach;
  readonly #renewal = new Renewal(() => void this.#renew());
  #limits: Readonly<Record<string, number>> = {};
  #out: Uint8Array[] = [];
  #isFlushing = false;
  #transport: Transport | undefined;
  /** Its session has given way to the one on the better transport, whose welcome is still to come. */
  #isDisplaced = false;
  #heartbeat: Heartbeat | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopListening: (() => void) | undefined;
  #welcomed_ms = 0;
  #asked_ms = 0;

  constructor(
    readonly identity: Identity,
    readonly choice: Choice,
    readonly speaker: Speaker<Message>,
  ) {
    this.#approach = new Approach(choice, identity, {
      won: (...winner) => this.#won(...winner),
      lost: (code, reason) => this.#failed(code, reason),
      told: (message) => this.#dispatch(message),
      tokenless: (error) => this.#tokenless(error),
    });
  }

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

  // ---- the transport

  #open(): void {
    clearTimeout(this.#timer);
    this.#become("connecting");
    this.#approach.begin();
  }

  /** The first session, the next one, or the next one on a better transport: each resumes what was before. */
  #won(transport: Transport, welcome: Welcome, asked_ms: number): void {
    const former = this.#transport;
    if (former) this.#detach();
    former?.close(4000);
    this.#transport = transport;
    const isPresent = () => this.#transport === transport;
    transport.listen({
      opened: () => {},
      received: (bytes) => void (isPresent() && this.#received(bytes)),
      closed: (code, reason) => void (isPresent() && this.#closed(code, reason)),
    });
    const { name } = transport;
    const isOther = this.transportName !== name;
    this.transportName = name;
    this.#asked_ms = asked_ms;
    this.#welcome(welcome);
    // A listener may have closed it.
    if (!isPresent()) return;
    if (isOther) this.events.emit("transport", name);
    this.choice.worked(name);
    this.#approach.improve(name);
  }

  #failed(code: number, reason: string): void {
    if (this.#isDisplaced) this.#lost(1006);
    else if (this.#transport) this.#approach.improve(this.#transport.name);
    else this.#closed(code, reason);
  }

  // ---- ends

  #closed(code: number, reason: string): void {
    if (code === 4401) this.#end("unauthorized", reason || "the token was not accepted");
    else if (code === 4403) this.#end("unauthorized", reason || "the right to be here was taken back");
    else if (code !== 4409) this.#lost(code);
    else if (!this.#approach.displaced()) this.#end("replaced", reason || "the same user and device connected again");
    else if (this.#transport && this.#approach.isUnderWay) this.#isDisplaced = true;
    else this.#lost(code);
  }

  /** Gives the connection up without waiting for the other side. */
  #cut(): void {
    this.#transport?.close(4000);
    this.#lost(1006);
  }

  #lost(code: number): void {
    const lived_ms = this.state === "live" ? Date.now() - this.#welcomed_ms : 0;
    if (this.#transport && code === 1006) this.choice.broke(this.#transport.name, lived_ms);
    this.#detach();
    if (this.#approach.isUnderWay) return this.#become("connecting");
    this.#timer = setTimeout(() => this.#open(), this.#backoff.next(lived_ms));
    this.#become("offline");
  }

  #detach(): void {
    clearTimeout(this.#timer);
    this.#approach.rest();
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
    this.#renewal.end();
    this.#transport = undefined;
    this.#isDisplaced = false;
    this.#out = [];
    this.speaker.cut();
  }

  #awake(): void {
    if (this.state === "live") this.#heartbeat?.check();
    else if (this.state === "offline") this.#open();
  }

  /** The end, by the user or by the server. */
  #end(code: EndCode, what: string): void {
    this.#approach.stop();
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
        return this.#renewal.begin(this.now(), message.expires_ms);
      case "close":
        // Said by the transport too, in its own words.
        return;
    }
  }

  #welcome(welcome: Welcome): void {
    const { session, user, time_ms, limits, expires_ms } = welcome;
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
    if (this.identity.isRenewable) this.#renewal.begin(time_ms, expires_ms);
    this.#become("live");
    // A listener may have closed it.
    if (this.state === "live") this.speaker.welcomed(welcome);
  }

  #ping(): void {
    this.#asked_ms = Date.now();
    this.post(encodeMessage({ type: "ping" }));
  }

  async #renew(): Promise<void> {
    const { session } = this;
    try {
      const renew = await this.identity.renew();
      if (this.session === session && this.state === "live") this.post(renew);
    } catch (error) {
      this.#tokenless(error);
      if (this.session === session && this.state === "live") this.#renewal.again(this.now());
    }
  }

  #tokenless(error: unknown): void {
    this.fail("unauthorized", `no token: ${error instanceof Error ? error.message : String(error)}`);
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
