// A small honest relay: inboxes with a cursor per device, remembered answers, windows, receipts, a rate; everything in fake time.

import { FakeDoor, type FakeTransport, type Frame, type Guest } from "./fake-door.ts";
import { FakeRosters } from "./fake-rosters.ts";

/** Something in an inbox. `device`: whom it is not for. */
interface Filed {
  seq: number;
  frame: Frame;
  device: string | undefined;
  /** Of whom it is the newest, if a later one takes its place. */
  about: string | undefined;
}

export class Home {
  last = 0;
  lost_to = 0;
  entries: Filed[] = [];
  /** What each device has acknowledged. */
  readonly devices = new Map<string, number>();
  /** `device id` to the answer. */
  readonly answers = new Map<string, Frame>();

  constructor(
    readonly user: string,
    public epoch: number,
  ) {}

  /** The bodies of all messages, in order. */
  bodies(): unknown[] {
    return this.entries.filter(({ frame }) => frame[0] === 49).map(({ frame }) => frame[4]);
  }
}

export interface RelaySession extends Guest {
  /** What it was handed; undefined: it has not opened. */
  given: number | undefined;
  onWay: number[];
  missed: number;
  isBehind: boolean;
}

export class FakeRelay extends FakeDoor<RelaySession> {
  readonly rosters = new FakeRosters();
  readonly homes = new Map<string, Home>();
  readonly acks: number[] = [];
  /** Codes with which the next messages are refused. */
  readonly refusals: string[] = [];
  /** What a window takes. */
  window = 64;
  inflight = 64;
  /** How many messages it takes at once, then 20 a second. */
  burst = 100;
  /** How many were refused for coming too fast. */
  too_fast = 0;
  #epochs = 500;
  #tokens = new Map<string, { left: number; at_ms: number }>();

  home(user: string): Home {
    const home = this.homes.get(user) ?? new Home(user, this.#epochs++);
    this.homes.set(user, home);
    return home;
  }

  /** The inbox begins anew, as after a crash of a server that keeps it in memory. */
  forget(user: string): void {
    this.homes.delete(user);
  }

  protected begin(link: FakeTransport, user: string, device: string): RelaySession {
    return { user, device, link, given: undefined, onWay: [], missed: 0, isBehind: true };
  }

  protected gone(session: RelaySession): void {
    this.rosters.gone(session);
  }

  protected take(session: RelaySession, [code, ...fields]: Frame): void {
    if (code === 32) this.#open(session, fields);
    else if (code === 33) this.#tell(session, fields);
    else if (code === 34) this.#acknowledge(session, fields[0] as number);
    else if (code === 35) this.#read(session, fields[0] as string, fields[1] as number);
    else if (code === 36) this.#signal(session, fields);
    else if (code === 37) this.#friends(session, fields[0]);
    else if (code === 38) session.link.tell(this.#edit(session, fields));
    else if (code === 39) this.rosters.status(session, fields);
    else throw new Error(`nothing known of ${code}`);
  }

  #friends(session: RelaySession, have: unknown): void {
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return session.link.tell([19, refusal, "no", null]);
    this.rosters.friends(session, have);
  }

  #edit(session: RelaySession, [id, ...fields]: Frame): Frame {
    const refusal = this.refusals.shift();
    return refusal === undefined ? this.rosters.edit(session.user, [id, ...fields]) : [56, id, refusal, "no"];
  }

  #open(session: RelaySession, [epoch, seq]: Frame): void {
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return session.link.tell([19, refusal, "no", null]);
    const home = this.home(session.user);
    const brought = epoch === home.epoch ? (seq as number) : undefined;
    const from = brought ?? home.devices.get(session.device) ?? 0;
    if (from > home.last) return session.link.tell([19, "bad_field", "seq: is ahead of the inbox", null]);
    Object.assign(session, { given: from, onWay: [], missed: 0, isBehind: true });
    session.link.tell([48, home.epoch, from, home.last]);
    this.#reach(home, session.device, from);
    this.#goOn(session);
  }

  #goOn(session: RelaySession): void {
    if (session.given === undefined) return;
    const home = this.home(session.user);
    for (const { seq, frame, device } of home.entries) {
      if (seq <= session.given || device === session.device) continue;
      if (session.onWay.length >= this.window) {
        session.isBehind = true;
        return;
      }
      if (session.given < home.lost_to && session.missed < home.lost_to) {
        session.missed = home.lost_to;
        session.link.tell([54, home.lost_to]);
      }
      session.given = seq;
      session.onWay.push(seq);
      session.link.tell(frame);
    }
    session.given = home.last;
    if (session.isBehind) session.link.tell([53, home.last]);
    session.isBehind = false;
  }

  #acknowledge(session: RelaySession, seq: number): void {
    if (session.given === undefined || seq > session.given)
      return session.link.tell([19, "bad_field", "seq: this session was not handed so much", null]);
    this.acks.push(seq);
    session.onWay = session.onWay.filter((sent) => sent > seq);
    this.#reach(this.home(session.user), session.device, seq);
    this.#goOn(session);
  }

  /** A device has more; whoever wrote it is told. */
  #reach(home: Home, device: string, seq: number): void {
    const before = Math.max(0, ...home.devices.values());
    home.devices.set(device, Math.max(seq, home.devices.get(device) ?? 0));
    const delivered = new Map<string, number>();
    for (const { seq: at, frame } of home.entries) {
      if (frame[0] === 49 && at > before && at <= seq) delivered.set(frame[2] as string, at);
    }
    for (const [sender, at] of delivered) this.#receipt(sender, home.user, at, 0);
  }

  #receipt(of: string, by: string, delivered: number, read: number): void {
    const present = this.home(of).entries.find(({ frame }) => frame[0] === 51 && frame[2] === by)?.frame;
    const [, , , had = 0, hadRead = 0] = (present ?? []) as number[];
    const fields = [by, Math.max(had, delivered, read), Math.max(hadRead, read)];
    this.file(of, (seq) => [51, seq, ...fields, Date.now()], undefined, `receipt ${by}`);
  }

  #read(session: RelaySession, user: string, read: number): void {
    if (read > this.home(session.user).last) return session.link.tell([19, "bad_field", "seq: is ahead", null]);
    const about = `seen ${user}`;
    const before = this.home(session.user).entries.find((filed) => filed.about === about)?.frame[3] as number;
    if (read <= (before ?? 0)) return;
    this.file(session.user, (seq) => [52, seq, user, read, Date.now()], session.device, about);
    this.#receipt(user, session.user, 0, read);
  }

  /** Puts something into an inbox, and hands it to those who are there. */
  file(user: string, frame: (seq: number) => Frame, device?: string, about?: string): number {
    const home = this.home(user);
    if (about !== undefined) home.entries = home.entries.filter((filed) => filed.about !== about);
    const seq = ++home.last;
    home.entries.push({ seq, frame: frame(seq), device, about });
    for (const session of this.sessions) if (session.user === user) this.#goOn(session);
    return seq;
  }

  /** Somebody who is not simulated writes. */
  write(from: string, to: string, body: unknown): number {
    return this.file(to, (seq) => [49, seq, from, seq, body, Date.now(), null]);
  }

  #tell(session: RelaySession, [id, to, body, kind]: Frame): void {
    const home = this.home(session.user);
    const key = `${session.device} ${id}`;
    const known = home.answers.get(key);
    if (known) return session.link.tell(known);
    const ids = [...home.answers.keys()].filter((key) => key.startsWith(`${session.device} `));
    const numbers = ids.map((key) => Number(key.split(" ")[1])).sort((left, right) => left - right);
    if (numbers.length >= this.inflight && (id as number) < (numbers.at(-this.inflight) ?? 0))
      return session.link.tell([56, id, "answer_forgotten", "id: was used before"]);
    if (!this.#isSlowEnough(session.user)) {
      this.too_fast++;
      return session.link.tell([56, id, "too_fast", "tells_per_s", 50]);
    }
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return session.link.tell([56, id, refusal, "no"]);
    const at = this.file(to as string, (seq) => [49, seq, session.user, id, body, Date.now(), kind ?? null]);
    const answer = [55, id, at, Date.now(), "memory"];
    home.answers.set(key, answer);
    session.link.tell(answer);
    const copy = (seq: number) => [50, seq, to, id, body, Date.now(), kind ?? null, at];
    if (to !== session.user) this.file(session.user, copy, session.device);
  }

  #isSlowEnough(user: string): boolean {
    const now_ms = Date.now();
    const tokens = this.#tokens.get(user) ?? { left: this.burst, at_ms: now_ms };
    tokens.left = Math.min(this.burst, tokens.left + (Math.max(0, now_ms - tokens.at_ms) * 20) / 1000);
    tokens.at_ms = now_ms;
    this.#tokens.set(user, tokens);
    if (tokens.left < 1) return false;
    tokens.left--;
    return true;
  }

  #signal(session: RelaySession, [to, kind, body]: Frame): void {
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return session.link.tell([56, null, refusal, "no"]);
    for (const other of this.sessions) {
      if (other.user === to && other.given !== undefined) other.link.tell([57, session.user, kind, body]);
    }
  }
}
