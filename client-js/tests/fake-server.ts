// A small honest server: versions, diffs, the conflict rule, remembered answers, ties and statuses; everything in fake time.

import { isFollowed } from "../src/names.ts";
import { appended, applied } from "../src/ops.ts";
import type { Operation } from "../src/protocol.ts";
import { Unfit, type Value } from "../src/values.ts";
import { FakeDoor, type FakeTransport, type Frame } from "./fake-door.ts";

interface ServerSlot {
  value: Value;
  version: number;
  by: string;
  device: string;
  session: Session | undefined;
}

class Refusal extends Error {
  constructor(
    readonly code: string,
    readonly slots: string[] = [],
  ) {
    super(code);
  }
}

export class ServerObject {
  version = 0;
  sends = 0;
  slots = new Map<string, ServerSlot>();
  gone = new Map<string, { version: number; by: string; device: string }>();
  log: { version: number; changes: Frame[] }[] = [];
  answers = new Map<string, Frame>();
  sentLog: Frame[] = [];
  /** `user id value` of every write that was applied, once each. */
  appliedIds: string[] = [];

  constructor(
    readonly name: string,
    readonly epoch: number,
  ) {}

  values(): Record<string, Value> {
    return Object.fromEntries([...this.slots].map(([slot, { value }]) => [slot, value]));
  }
}

export interface Session {
  device: string;
  user: string;
  link: FakeTransport;
  used: Map<string, string[] | undefined>;
}

export class FakeServer extends FakeDoor<Session> {
  /** Its store takes nothing more. */
  isFull = false;
  /** Slots per snapshot frame. */
  chunk = 1000;
  resumeByLog = true;
  objects = new Map<string, ServerObject>();
  epochs = 100;

  object(name: string): ServerObject {
    const object = this.objects.get(name) ?? new ServerObject(name, this.epochs++);
    this.objects.set(name, object);
    return object;
  }

  /** The object dies. */
  forget(name: string): void {
    this.objects.delete(name);
  }

  protected begin(link: FakeTransport, user: string, device: string): Session {
    return { device, user, link, used: new Map() };
  }

  protected take(session: Session, [code, ...fields]: Frame): void {
    if (code === 2) this.#use(session, fields);
    else if (code === 3) this.#release(session, fields[0] as string);
    else if (code === 4) this.#write(session, fields);
    else if (code === 5) this.#send(session, fields);
    else if (code === 6) session.link.tell([23, fields[0], 1, 1, "0".repeat(32)]);
  }

  #use(session: Session, [name, cursor, patterns]: Frame): void {
    const object = this.object(name as string);
    session.used.set(object.name, patterns as string[] | undefined);
    const [epoch, version, sends] = (cursor ?? []) as number[];
    if (epoch !== object.epoch || version === undefined) return this.#snapshot(session, object);
    const changes = this.resumeByLog
      ? object.log.filter((entry) => entry.version > version).flatMap((entry) => entry.changes)
      : this.#newer(object, version);
    session.link.tell([21, object.name, version, object.version, this.#inView(session, object, changes)]);
    for (const sent of object.sentLog.slice(sends ?? object.sends)) session.link.tell(sent);
  }

  #newer(object: ServerObject, version: number): Frame[] {
    const set = [...object.slots]
      .filter(([, slot]) => slot.version > version)
      .map(([slot, { value, version, by }]) => [1, slot, version, by, value]);
    const gone = [...object.gone]
      .filter(([, slot]) => slot.version > version)
      .map(([slot, { version, by }]) => [2, slot, version, by]);
    return [...gone, ...set];
  }

  #snapshot(session: Session, object: ServerObject): void {
    const records = [...object.slots]
      .filter(([slot]) => isFollowed(slot, session.used.get(object.name)))
      .map(([slot, { value, version, by }]) => [slot, version, by, value]);
    const parts = Math.max(1, Math.ceil(records.length / this.chunk));
    for (let part = 1; part <= parts; part++) {
      const slots = records.splice(0, this.chunk);
      const numbers = parts > 1 ? [part, parts] : [];
      session.link.tell([
        20,
        object.name,
        object.epoch,
        object.version,
        object.sends,
        slots,
        part < parts,
        0,
        ...numbers,
      ]);
    }
  }

  #release(session: Session, name: string): void {
    this.#leave(session, name);
    session.link.tell([25, name]);
  }

  #write(session: Session, [id, name, epoch, seen, conditions, ops]: Frame): void {
    const object = this.object(name as string);
    this.#answer(session, object, id as number, () => {
      if (!session.used.has(object.name)) throw new Refusal("not_used");
      if (typeof epoch === "number" && epoch !== object.epoch) throw new Refusal("wrong_epoch");
      return this.apply(
        object,
        (ops as Frame[]).map(operation),
        session,
        (seen as number) ?? 0,
        (conditions ?? {}) as Record<string, number>,
        `${session.user} ${id}`,
      );
    });
  }

  #send(session: Session, [id, name, send, value]: Frame): void {
    const object = this.object(name as string);
    this.#answer(session, object, id as number, () => {
      object.sends++;
      const sent = [22, object.name, object.version, send, value, session.user];
      object.sentLog.push(sent);
      return () => this.#broadcast(object, () => sent);
    });
  }

  #answer(session: Session, object: ServerObject, id: number, act: () => () => void): void {
    const key = `${session.device} ${id}`;
    const known = object.answers.get(key);
    if (known) return session.link.tell(known);
    // It is no answer that is kept: later the same request may succeed.
    if (this.isFull) return session.link.tell([18, id, "storage_full", "no room", object.version, []]);
    const before = object.version;
    try {
      const broadcast = act();
      const answer = [17, id, object.version, "memory", object.version > before];
      object.answers.set(key, answer);
      session.link.tell(answer);
      broadcast();
    } catch (error) {
      const refusal = error instanceof Unfit ? new Refusal(error.code) : error;
      if (!(refusal instanceof Refusal)) throw error;
      const winners = refusal.slots.map((slot) => {
        const present = object.slots.get(slot);
        return [
          slot,
          present?.version ?? object.gone.get(slot)?.version ?? 0,
          present?.by ?? "",
          present?.value ?? null,
        ];
      });
      const answer = [18, id, refusal.code, "no", object.version, winners];
      object.answers.set(key, answer);
      session.link.tell(answer);
    }
  }

  /** Applies a write of a session, or with undefined of the server itself. Returns what tells the others. */
  apply(
    object: ServerObject,
    ops: Operation[],
    session: Session | undefined,
    seen = object.version,
    conditions: Record<string, number> = {},
    note = "",
  ): () => void {
    const user = session?.user ?? "";
    const device = session?.device ?? "";
    const version = object.version + 1;
    for (const [slot, wanted] of Object.entries(conditions)) {
      if ((object.slots.get(slot)?.version ?? 0) !== wanted) throw new Refusal("conflict", Object.keys(conditions));
    }
    const slots = new Map(object.slots);
    const gone = new Map(object.gone);
    const changes: Frame[] = [];
    const remove = (slot: string) => {
      slots.delete(slot);
      gone.set(slot, { version, by: user, device });
    };
    for (const operation of ops) {
      if (operation.op === "clear") {
        for (const slot of slots.keys()) if (!slot.startsWith("@")) remove(slot);
        changes.push([5, version, user]);
        continue;
      }
      const { slot, op } = operation;
      const present = slots.get(slot);
      const last = present ?? gone.get(slot);
      const guarded = op === "set" || op === "delete" || op === "patch";
      const foreign = last && last.version > seen && last.version < version && last.device !== device;
      if (session && guarded && !slot.startsWith("@") && !Object.hasOwn(conditions, slot) && foreign)
        throw new Refusal("conflict", [slot]);
      if (op === "once" && present) throw new Refusal("conflict", [slot]);
      const stamped =
        op === "append" && operation.stamp
          ? { ...operation, stamp: false, value: { by: user, at: Date.now(), v: version, item: operation.value } }
          : operation;
      const value =
        stamped.op === "append"
          ? appended(present?.value, [stamped.value], stamped.keep ?? 0)
          : applied(present?.value, stamped, { user, now_ms: 0 });
      if (value === undefined) {
        if (!present) continue;
        remove(slot);
        changes.push([2, slot, version, user]);
        continue;
      }
      if ((op === "max" || op === "min") && present?.value === value) continue;
      const tied = op === "set" || op === "once" ? (operation.tie ? session : undefined) : present?.session;
      slots.set(slot, { value, version, by: user, device, session: tied });
      gone.delete(slot);
      if (op === "patch") changes.push([3, slot, version, user, operation.path, operation.value]);
      else if (stamped.op === "append") changes.push([4, slot, version, user, [stamped.value], stamped.keep ?? 0]);
      else changes.push([1, slot, version, user, value]);
    }
    if (note !== "") object.appliedIds.push(note);
    if (changes.length === 0) return () => {};
    object.slots = slots;
    object.gone = gone;
    object.version = version;
    object.log.push({ version, changes });
    return () =>
      this.#broadcast(object, (session) => [
        21,
        object.name,
        version - 1,
        version,
        this.#inView(session, object, changes),
      ]);
  }

  /** The server, or somebody who is not simulated, writes. */
  do(name: string, ...ops: Operation[]): void {
    this.apply(this.object(name), ops, undefined)();
  }

  #inView(session: Session, object: ServerObject, changes: Frame[]): Frame[] {
    return changes.filter(([code, slot]) => code === 5 || isFollowed(slot as string, session.used.get(object.name)));
  }

  #broadcast(object: ServerObject, frame: (session: Session) => Frame): void {
    for (const session of this.sessions) if (session.used.has(object.name)) session.link.tell(frame(session));
  }

  #leave(session: Session, name: string): void {
    session.used.delete(name);
    const object = this.objects.get(name);
    if (!object) return;
    const others = [...this.sessions].some(
      (other) => other !== session && other.user === session.user && other.used.has(name),
    );
    for (const [slot, { session: tied }] of object.slots) {
      if (tied === session || (slot === `@${session.user}` && !others)) this.do(name, { op: "delete", slot });
    }
  }

  protected gone(session: Session): void {
    for (const name of [...session.used.keys()]) this.#leave(session, name);
  }
}

function operation([code, slot, value, more, last]: Frame): Operation {
  const names = ["", "set", "delete", "add", "max", "min", "once", "append", "patch", "clear"] as const;
  const op = names[code as number];
  const fields: Record<string, unknown> = { op, slot, value };
  if (op === "set" || op === "once") Object.assign(fields, { ttl_ms: more ?? undefined, tie: last ?? undefined });
  if (op === "append") Object.assign(fields, { keep: more ?? undefined, stamp: last ?? undefined });
  if (op === "patch") Object.assign(fields, { path: value, value: more });
  return fields as unknown as Operation;
}
