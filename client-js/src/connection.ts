// Connection: a client's objects and what is said about them over its line.

import { Asked } from "./asked.ts";
import type { Choice } from "./choice.ts";
import type { Identity } from "./identity.ts";
import { type ObjectMessage, objectMessage } from "./incoming.ts";
import { Line } from "./line.ts";
import type { ServerError } from "./line-incoming.ts";
import { Deferred } from "./outbox.ts";
import { encodeMessage } from "./protocol.ts";
import { Rejected } from "./rejected.ts";
import type { Replica } from "./replica.ts";
import type { EndCode, Speaker } from "./speaker.ts";
import type { Wire } from "./wire.ts";

const defaultLimits = { message_bytes: 65_536, value_bytes: 32_768, ops: 64, inflight: 64 };

export class Connection implements Wire, Speaker<ObjectMessage> {
  readonly line: Line<ObjectMessage>;
  /** Settles when the server has said who this client is. */
  readonly known = new Deferred<void>();
  readonly decode = objectMessage;

  readonly #replicas = new Map<string, Replica>();
  readonly #owners = new Map<number, Replica>();
  /** Releases without an answer, by object; until it comes, frames are for the copy that was given up. */
  readonly #releases = new Asked<void>();
  readonly #fingerprints = new Asked<string>();
  readonly #scheduled = new Set<Replica>();
  /** Ids rise over page loads too, for a device that keeps its name. */
  #id = Date.now() * 1000;

  constructor(identity: Identity, choice: Choice) {
    this.line = new Line(identity, choice, this);
    this.line.start();
  }

  // ---- Speaker

  welcomed(): void {
    for (const [id, owner] of this.#owners) if (!owner.outbox.byId(id)) this.#owners.delete(id);
    this.known.resolve();
    for (const replica of this.#replicas.values()) replica.welcomed();
    for (const object of this.#fingerprints.objects()) this.post(encodeMessage({ type: "fingerprint", object }));
  }

  received(message: ObjectMessage): void {
    switch (message.type) {
      case "success":
      case "reject":
        if (message.id === undefined) return;
        this.#owners.get(message.id)?.answered(message, message.id);
        this.#owners.delete(message.id);
        return;
      case "snapshot":
      case "diff":
      case "sent":
        if (!this.#releases.isWaiting(message.object)) this.#replicas.get(message.object)?.received(message);
        return;
      case "fingerprint":
        this.#fingerprints.answer(message.object, message.md5);
        return;
      case "released":
        return this.#releases.answer(message.object);
    }
  }

  refused({ code, what, object }: ServerError): void {
    if (object === undefined) return;
    const rejected = new Rejected(code, what);
    const replica = this.#replicas.get(object);
    if (replica?.isAsking) replica.refused(rejected);
    else this.#fingerprints.refuse(object, rejected);
  }

  pump(): void {
    const replicas = [...this.#scheduled];
    this.#scheduled.clear();
    for (const replica of replicas) replica.pump();
  }

  cut(): void {
    // Without a session nothing is in use any more.
    for (const object of [...this.#releases.objects()]) this.#releases.answer(object);
    for (const replica of this.#replicas.values()) replica.cut();
  }

  ended(code: EndCode, what: string): void {
    this.known.reject(new Rejected(code, what));
    for (const object of [...this.#fingerprints.objects()]) this.#fingerprints.refuse(object, new Rejected(code, what));
    for (const replica of this.#replicas.values()) replica.end(code);
    this.#replicas.clear();
  }

  // ---- objects

  replica(name: string): Replica | undefined {
    return this.#replicas.get(name);
  }

  use(replica: Replica): void {
    this.#replicas.set(replica.name, replica);
    if (this.line.state === "live") replica.welcomed();
  }

  /** Leaves an object after what is on the wire; settles when the server has confirmed it, or there is nobody to. */
  async release(replica: Replica): Promise<void> {
    if (replica.state === "released") return;
    this.#replicas.delete(replica.name);
    if (this.line.state === "live") {
      replica.pump();
      this.post(encodeMessage({ type: "release", object: replica.name }));
      const released = this.#releases.ask(replica.name);
      replica.leave();
      await released;
    }
    replica.end("released");
  }

  fingerprint(object: string): Promise<string> {
    const { state } = this.line;
    const asked = this.#fingerprints.ask(object);
    if (state === "live") this.post(encodeMessage({ type: "fingerprint", object }));
    if (state === "closed") this.#fingerprints.refuse(object, new Rejected("released", "the client is closed"));
    return asked;
  }

  // ---- Wire

  get user(): string {
    return this.line.identity.user;
  }

  now(): number {
    return this.line.now();
  }

  limit(name: keyof typeof defaultLimits): number {
    return this.line.limit(name) ?? defaultLimits[name];
  }

  id(replica: Replica): number {
    this.#owners.set(++this.#id, replica);
    return this.#id;
  }

  post(message: Uint8Array): void {
    this.line.post(message);
  }

  schedule(replica: Replica): void {
    this.#scheduled.add(replica);
    this.line.flushSoon();
  }

  failed(code: string, what: string, object: string): void {
    this.line.fail(code, what, object);
  }
}
