// Connection: one client's socket over all its lives: hello, dispatch, reconnecting.

import { Asked } from "./asked.ts";
import { Backoff } from "./backoff.ts";
import { Emitter } from "./events.ts";
import { Heartbeat } from "./heartbeat.ts";
import { decodeMessage, type ServerMessage } from "./incoming.ts";
import { MalformedValue } from "./msgpack.ts";
import { Deferred } from "./outbox.ts";
import { onAwake } from "./page.ts";
import { encodeMessage } from "./protocol.ts";
import { Rejected } from "./rejected.ts";
import type { Replica } from "./replica.ts";
import { ServerClock } from "./server-clock.ts";
import type { Transport } from "./transport.ts";
import type { Wire } from "./wire.ts";

/** `offline` while it waits for the next attempt; `closed` for good. */
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

/** Who this client says it is. */
export interface Identity {
  readonly token: string | (() => string | Promise<string>) | undefined;
  readonly device: string;
  readonly user: string | undefined;
}

/** From opening the socket to `welcome`. */
const welcome_ms_max = 10_000;
const defaultLimits = { message_bytes: 65_536, value_bytes: 32_768, ops: 64, inflight: 64 };

export class Connection implements Wire {
  readonly events = new Emitter<ConnectionEvents>();
  state: ConnectionState = "connecting";
  user = "";
  session: string | undefined;
  /** Settles with the first `welcome`. */
  readonly welcomed = new Deferred<void>();

  readonly #clock = new ServerClock();
  readonly #backoff = new Backoff();
  readonly #replicas = new Map<string, Replica>();
  readonly #owners = new Map<number, Replica>();
  /** Releases without an answer, by object; until it comes, frames are for the copy that was given up. */
  readonly #releases = new Asked<void>();
  readonly #fingerprints = new Asked<string>();
  readonly #scheduled = new Set<Replica>();
  readonly #stopListening: () => void;
  #limits: Readonly<Record<string, number>> = defaultLimits;
  #out: Uint8Array[] = [];
  #isFlushing = false;
  #transport: Transport | undefined;
  #heartbeat: Heartbeat | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #welcomed_ms = 0;
  #asked_ms = 0;
  /** Ids rise over page loads too, for a device that keeps its name. */
  #id = Date.now() * 1000;

  constructor(
    readonly identity: Identity,
    readonly newTransport: () => Transport,
  ) {
    this.#stopListening = onAwake(() => this.#awake());
    this.#open();
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
    const { token, device, user } = this.identity;
    const isGuest = token === undefined;
    try {
      const fresh = typeof token === "function" ? await token() : token;
      if (this.#transport !== transport) return;
      this.#asked_ms = Date.now();
      // A guest whom the server gave a name keeps it over reconnects.
      transport.send([
        encodeMessage({ type: "hello", token: fresh, device, user: isGuest ? this.user || user : user }),
      ]);
    } catch (error) {
      this.#fail("unauthorized", `no token: ${error instanceof Error ? error.message : String(error)}`);
      if (this.#transport === transport) this.#cut();
    }
  }

  #closed(code: number, reason: string): void {
    if (code === 4401) this.#end("unauthorized", reason || "the token was not accepted");
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
    // Without a session nothing is in use any more.
    for (const object of [...this.#releases.objects()]) this.#releases.answer(object);
    for (const replica of this.#replicas.values()) replica.cut();
  }

  #awake(): void {
    if (this.state === "live") this.#heartbeat?.check();
    else if (this.state === "offline") this.#open();
  }

  /** The end, by the user or by the server. */
  #end(code: "released" | "replaced" | "unauthorized", what: string): void {
    this.#detach();
    this.#stopListening();
    this.#become("closed");
    if (code !== "released") this.#fail(code, what);
    this.welcomed.reject(new Rejected(code, what));
    for (const object of [...this.#fingerprints.objects()]) this.#fingerprints.refuse(object, new Rejected(code, what));
    for (const replica of this.#replicas.values()) replica.end(code);
    this.#replicas.clear();
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

  #fail(code: string, what: string, object?: string): void {
    this.events.emit("error", { code, what, object });
  }

  // ---- messages that come

  #received(bytes: Uint8Array): void {
    this.#heartbeat?.heard();
    try {
      const message = decodeMessage(bytes);
      if (message) this.#dispatch(message);
    } catch (error) {
      if (!(error instanceof MalformedValue)) throw error;
      this.#fail("bad_message", error.message);
      this.#cut();
    }
  }

  #dispatch(message: ServerMessage): void {
    switch (message.type) {
      case "welcome":
        return this.#welcome(message);
      case "success":
      case "reject":
        if (message.id === undefined) return;
        this.#owners.get(message.id)?.answered(message, message.id);
        this.#owners.delete(message.id);
        return;
      case "error":
        return this.#error(message);
      case "snapshot":
      case "diff":
      case "sent":
        if (!this.#releases.isWaiting(message.object)) this.#replicas.get(message.object)?.received(message);
        return;
      case "fingerprint":
        this.#fingerprints.answer(message.object, message.md5);
        return;
      case "pong":
        return this.#clock.sample(message.time_ms, this.#asked_ms);
      case "released":
        return this.#releases.answer(message.object);
      case "goaway":
        this.#backoff.goaway(message.retry_ms);
        this.events.emit("goaway", { retry_ms: message.retry_ms, reason: message.reason });
        return;
    }
  }

  #welcome({ session, user, time_ms, limits }: Extract<ServerMessage, { type: "welcome" }>): void {
    clearTimeout(this.#timer);
    this.user = user;
    this.session = session;
    this.#limits = { ...defaultLimits, ...limits };
    this.#welcomed_ms = Date.now();
    this.#clock.restart();
    this.#clock.sample(time_ms, this.#asked_ms);
    this.#heartbeat = new Heartbeat(
      () => this.#ping(),
      () => this.#cut(),
    );
    for (const [id, owner] of this.#owners) if (!owner.outbox.byId(id)) this.#owners.delete(id);
    this.#become("live");
    this.welcomed.resolve();
    for (const replica of this.#replicas.values()) replica.welcomed();
    for (const object of this.#fingerprints.objects()) this.post(encodeMessage({ type: "fingerprint", object }));
  }

  #ping(): void {
    this.#asked_ms = Date.now();
    this.post(encodeMessage({ type: "ping" }));
  }

  #error({ code, what, object }: Extract<ServerMessage, { type: "error" }>): void {
    this.#fail(code, what, object);
    if (object === undefined) return;
    const rejected = new Rejected(code, what);
    const replica = this.#replicas.get(object);
    if (replica?.isAsking) replica.refused(rejected);
    else this.#fingerprints.refuse(object, rejected);
  }

  // ---- objects

  replica(name: string): Replica | undefined {
    return this.#replicas.get(name);
  }

  use(replica: Replica): void {
    this.#replicas.set(replica.name, replica);
    if (this.state === "live") replica.welcomed();
  }

  /** Leaves an object after what is on the wire; settles when the server has confirmed it, or there is nobody to. */
  async release(replica: Replica): Promise<void> {
    if (replica.state === "released") return;
    this.#replicas.delete(replica.name);
    if (this.state === "live") {
      replica.pump();
      this.post(encodeMessage({ type: "release", object: replica.name }));
      const released = this.#releases.ask(replica.name);
      replica.leave();
      await released;
    }
    replica.end("released");
  }

  fingerprint(object: string): Promise<string> {
    const asked = this.#fingerprints.ask(object);
    if (this.state === "live") this.post(encodeMessage({ type: "fingerprint", object }));
    if (this.state === "closed") this.#fingerprints.refuse(object, new Rejected("released", "the client is closed"));
    return asked;
  }

  // ---- Wire

  now(): number {
    return this.#clock.now();
  }

  limit(name: keyof typeof defaultLimits): number {
    return this.#limits[name] ?? defaultLimits[name];
  }

  id(replica: Replica): number {
    this.#owners.set(++this.#id, replica);
    return this.#id;
  }

  post(message: Uint8Array): void {
    this.#out.push(message);
    this.#flushSoon();
  }

  schedule(replica: Replica): void {
    this.#scheduled.add(replica);
    this.#flushSoon();
  }

  failed(code: string, what: string, object: string): void {
    this.#fail(code, what, object);
  }

  /** What one tick gives goes to the socket in one go. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushing = false;
    const replicas = [...this.#scheduled];
    this.#scheduled.clear();
    for (const replica of replicas) replica.pump();
    const messages = this.#out;
    this.#out = [];
    if (messages.length > 0 && this.state === "live") this.#transport?.send(messages);
  }
}
