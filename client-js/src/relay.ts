// Relay: a client's people and what is said about them over its line, a socket of its own.

import type { Choice } from "./choice.ts";
import type { CursorStore } from "./cursors.ts";
import { type Errand, Errands, type ErrandWire } from "./errands.ts";
import type { Identity } from "./identity.ts";
import { Line } from "./line.ts";
import type { ServerError, Welcome } from "./line-incoming.ts";
import type { Said } from "./own-status.ts";
import { Pace } from "./pace.ts";
import { Reader, type ReaderWire } from "./reader.ts";
import { Rejected } from "./rejected.ts";
import { type Refused, type RelayMessage, relayMessage } from "./relay-incoming.ts";
import { encodeRelay } from "./relay-protocol.ts";
import { Roster, type RosterWire } from "./roster.ts";
import type { EndCode, Speaker } from "./speaker.ts";
import type { Value } from "./values.ts";

const defaultLimits = { message_bytes: 65_536, tell_bytes: 32_768, status_bytes: 1024, inflight: 64 };

export class Relay implements Speaker<RelayMessage>, ErrandWire, ReaderWire, RosterWire {
  readonly line: Line<RelayMessage>;
  readonly reader: Reader;
  readonly errands: Errands;
  readonly roster: Roster;
  readonly decode = relayMessage;
  said: Said | undefined;

  readonly #pace: Pace;
  /** When the client has a name. */
  readonly #named: Promise<void>;
  #isSaid = true;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly identity: Identity,
    choice: Choice,
    newStore: () => CursorStore,
    named: Promise<void>,
  ) {
    this.line = new Line(identity, choice, this);
    this.#pace = new Pace((name) => this.line.limit(name));
    this.reader = new Reader(this, newStore);
    this.roster = new Roster(this);
    this.errands = new Errands(this, this.#pace);
    this.#named = named;
  }

  /** Connects, if it has not yet: somebody needs it. */
  start(): void {
    // If there will be no name the client is closed, and this with it.
    if (this.identity.isNameless) void this.#named.then(() => this.line.start()).catch(() => {});
    else this.line.start();
  }

  close(): void {
    this.reader.acknowledge();
    this.line.close();
  }

  // ---- Speaker

  welcomed({ time_ms }: Welcome): void {
    this.errands.welcomed(time_ms);
    this.reader.welcomed();
    this.roster.welcomed();
    this.#isSaid = this.said === undefined;
    this.line.flushSoon();
  }

  received(message: RelayMessage): void {
    switch (message.type) {
      case "inbox":
      case "message":
      case "copy":
      case "receipt":
      case "seen":
      case "current":
      case "missed":
        return this.reader.received(message);
      case "stored":
      case "edited":
        this.errands.done(message);
        return this.line.flushSoon();
      case "refused":
        return this.#refused(message);
      case "signal":
        return this.reader.events.emit("signal", { from: message.from, kind: message.kind, body: message.body });
      case "roster":
      case "stale":
      case "presence":
        return this.roster.received(message);
    }
  }

  #refused(refused: Refused): void {
    // Of a signal that came too fast nobody needs to hear.
    if (!this.errands.refused(refused) && refused.code !== "too_fast") this.line.fail(refused.code, refused.what);
    this.line.flushSoon();
  }

  refused({ code }: ServerError): void {
    this.reader.refused(code);
    this.roster.refused(code);
  }

  pump(): void {
    if (this.line.state !== "live") return;
    this.#pumpStatus();
    this.errands.pump();
    clearTimeout(this.#timer);
    if (this.errands.isHeldBack) this.#timer = setTimeout(() => this.line.flushSoon(), this.#pace.wait_ms());
  }

  cut(): void {
    clearTimeout(this.#timer);
    this.errands.cut();
    this.reader.cut();
    this.roster.cut();
  }

  ended(code: EndCode, what: string): void {
    this.errands.end(code, what);
    this.roster.ended(new Rejected(code, what));
  }

  // ---- what is said

  run(errand: Errand): void {
    if (this.line.state === "closed") return errand.failed(new Rejected("released", "the client is closed"));
    this.errands.push(errand);
    this.start();
    this.line.flushSoon();
  }

  /** Lost where there is no connection, or the server would refuse it for coming too fast. */
  signal(to: string, kind: string, body: Value): void {
    this.start();
    if (this.line.state === "live" && this.#pace.take()) this.post(encodeRelay({ type: "signal", to, kind, body }));
  }

  /** What this client says of its user, in this session and each to come. */
  say(said: Said | undefined): void {
    this.said = said;
    this.#isSaid = false;
    this.start();
    this.line.flushSoon();
  }

  #pumpStatus(): void {
    if (this.#isSaid) return;
    this.#isSaid = true;
    const { state, body } = this.said ?? {};
    this.post(encodeRelay({ type: "status", state, body: body ?? undefined }));
  }

  // ---- ErrandWire, ReaderWire, RosterWire

  limit(name: keyof typeof defaultLimits): number {
    return this.line.limit(name) ?? defaultLimits[name];
  }

  tag(): string | undefined {
    return this.roster.tag;
  }

  post(message: Uint8Array): void {
    this.line.post(message);
  }

  failed(code: string, what: string): void {
    this.line.fail(code, what);
  }
}
