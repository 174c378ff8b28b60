// A door of a fake server and the lines to it, in fake time: latency, cuts, hello and ping. What is said behind it its subclass knows.

import { decode, encode } from "../src/msgpack.ts";
import type { Transport, TransportListener } from "../src/transport.ts";

export type Frame = unknown[];

/** What a door knows of a session. */
export interface Guest {
  readonly user: string;
  readonly device: string;
  readonly link: FakeTransport;
  /** Ends the session with its token. */
  ending?: ReturnType<typeof setTimeout> | undefined;
  expires_ms?: number | null;
}

/** One direction-preserving line with latency. Messages on it are lost when it is cut. */
export class FakeTransport implements Transport {
  listener: TransportListener | undefined;
  session: Guest | undefined;
  isOpen = false;
  readonly received: Frame[] = [];
  /** How many messages came in each call of `send`. */
  readonly sendCalls: number[] = [];
  #clientReady_ms = 0;
  #serverReady_ms = 0;

  constructor(readonly door: FakeDoor<Guest>) {}

  listen(listener: TransportListener): void {
    this.listener = listener;
  }

  open(): void {
    if (this.door.isDown) {
      setTimeout(() => this.listener?.closed(1006, ""), this.door.latency_ms());
      return;
    }
    this.isOpen = true;
    this.door.links.push(this);
    setTimeout(() => this.isOpen && this.listener?.opened(), this.door.latency_ms());
  }

  send(messages: readonly Uint8Array[]): void {
    this.sendCalls.push(messages.length);
    for (const message of messages) {
      this.#serverReady_ms = Math.max(this.#serverReady_ms, Date.now() + this.door.latency_ms());
      setTimeout(() => this.#arrives() && this.door.receive(this, message), this.#serverReady_ms - Date.now());
    }
  }

  close(): void {
    this.listener = undefined;
    this.#end();
  }

  /** The server's words, in order. */
  tell(frame: Frame): void {
    const bytes = encode(frame, 24);
    this.#clientReady_ms = Math.max(this.#clientReady_ms, Date.now() + this.door.latency_ms());
    setTimeout(() => this.#arrives(true) && this.listener?.received(bytes), this.#clientReady_ms - Date.now());
  }

  #arrives(isToClient = false): boolean {
    if (!this.isOpen || (this.door.isDeaf && !isToClient)) return false;
    if (--this.door.messages_left === 0) this.cut();
    return this.isOpen;
  }

  /** The network breaks: what is on the line is lost. */
  cut(code = 1006): void {
    if (!this.isOpen) return;
    this.#end();
    this.listener?.closed(code, "");
  }

  #end(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.door.links = this.door.links.filter((link) => link !== this);
    const { session, door } = this;
    if (session && door.end_ms > 0) setTimeout(() => door.end(session), door.end_ms);
    else if (session) door.end(session);
  }
}

export abstract class FakeDoor<Session extends Guest> {
  /** How long it takes to notice that a session has ended. */
  end_ms = 0;
  latency_ms: () => number = () => 10;
  isDown = false;
  isDeaf = false;
  /** After so many more messages, in either direction, a line is cut before the next one arrives. */
  messages_left = Number.POSITIVE_INFINITY;
  limits: Record<string, number> = {};
  /** Each token that is said ends when the first one did. */
  isOneToken = false;
  /** How long a token is good from when it is said; 0: for ever. */
  token_ms = 0;
  /** Its clock before the machine's. */
  ahead_ms = 5000;
  links: FakeTransport[] = [];
  sessions = new Set<Session>();

  link(user: string): FakeTransport {
    const link = this.links.find(({ session }) => session?.user === user);
    if (!link) throw new Error(`${user} is not connected`);
    return link;
  }

  receive(link: FakeTransport, bytes: Uint8Array): void {
    const [code, ...fields] = decode(bytes, 24) as Frame;
    link.received.push([code, ...fields]);
    if (code === 1) return this.#hello(link, fields);
    const session = [...this.sessions].find((session) => session === link.session);
    if (!session) throw new Error("hello comes first");
    if (code === 7) link.tell([24, fields[0] ?? null, Date.now() + this.ahead_ms]);
    else if (code === 8) this.#renew(session, fields);
    else this.take(session, [code, ...fields]);
  }

  #hello(link: FakeTransport, [token, device, user]: Frame): void {
    if (token === "wrong") return link.cut(4401);
    for (const session of this.sessions) if (session.device === device) session.link.cut(4409);
    const session = this.begin(link, (user as string) ?? "guest", device as string);
    link.session = session;
    this.sessions.add(session);
    const expires_ms = this.#expire(session);
    link.tell([16, `s${device}`, session.user, device, Date.now() + this.ahead_ms, this.limits, expires_ms]);
  }

  #renew(session: Session, [token]: Frame): void {
    if (token === "wrong") session.link.tell([19, "unauthorized", "token: is not accepted"]);
    else session.link.tell([27, this.isOneToken ? (session.expires_ms ?? null) : this.#expire(session)]);
  }

  /** By the server's clock. */
  #expire(session: Session): number | null {
    clearTimeout(session.ending);
    if (this.token_ms === 0) return null;
    session.ending = setTimeout(() => session.link.cut(4401), this.token_ms);
    session.expires_ms = Date.now() + this.ahead_ms + this.token_ms;
    return session.expires_ms;
  }

  end(session: Guest): void {
    for (const known of this.sessions) {
      if (known !== session) continue;
      this.sessions.delete(known);
      this.gone(known);
    }
  }

  protected abstract begin(link: FakeTransport, user: string, device: string): Session;
  protected abstract take(session: Session, frame: Frame): void;
  protected abstract gone(session: Session): void;
}
