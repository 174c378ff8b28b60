// Roster: the copy of the user's own lists, kept with few words and checked by their fingerprints. No sockets.

import { Emitter } from "./events.ts";
import { Deferred } from "./outbox.ts";
import { Rejected } from "./rejected.ts";
import type { PersonRecord, RelayMessage, Roster as RosterMessage } from "./relay-incoming.ts";
import { encodeRelay } from "./relay-protocol.ts";
import { blocksMd5, friendsMd5, type Friend as ListedFriend, parseTag, type Tag } from "./roster-form.ts";
import { Statuses } from "./statuses.ts";

/** A server that could not give the list is asked again. */
const again_ms = 5000;
/** After the list has come, so soon the server has told of all who are not offline: a few times its `status_ms`. */
const settled_ms = 3000;

/** What it needs of the connection. */
export interface RosterWire {
  readonly identity: { readonly user: string };
  post(message: Uint8Array): void;
}

/** What each event's listeners are handed. */
export interface RosterEvents {
  /** What is known of these users is not what it was. */
  change: { readonly people: readonly string[] };
}

/** An edit that the server has kept: it is done when the copy has it too. */
interface Awaited {
  readonly rev: bigint;
  readonly reached: () => void;
}

export class Roster {
  readonly events = new Emitter<RosterEvents>();
  readonly statuses = new Statuses();
  /** Settles with the first list. */
  readonly loaded = new Deferred<void>();
  /** How often the copy turned out not to be the server's list. */
  divergences = 0;
  people: ReadonlyMap<string, PersonRecord> = new Map();

  readonly #wire: RosterWire;
  #isWanted = false;
  #isThere = false;
  #isAsking = false;
  /** The list has changed since it was asked for. */
  #isStale = false;
  /** The tag of the copy, if it is known to be the server's list. */
  #have: string | undefined;
  #mark: Tag | undefined;
  #awaited: Awaited[] = [];
  #again: ReturnType<typeof setTimeout> | undefined;
  #settling: ReturnType<typeof setTimeout> | undefined;

  constructor(wire: RosterWire) {
    this.#wire = wire;
  }

  /** Somebody looks at the list: from now on it is kept. */
  want(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#ask();
  }

  get tag(): string | undefined {
    return this.#have;
  }

  welcomed(): void {
    this.#isThere = true;
    this.#ask();
  }

  cut(): void {
    clearTimeout(this.#again);
    clearTimeout(this.#settling);
    this.#settling = undefined;
    this.#isThere = false;
    this.#isAsking = false;
    this.statuses.doubt();
  }

  /** The server has refused something on this connection that has no other name. */
  refused(code: string): void {
    if (!this.#isAsking) return;
    this.#isAsking = false;
    if (new Rejected(code, "").retry) this.#again = setTimeout(() => this.#ask(), again_ms);
  }

  ended(rejected: Rejected): void {
    this.loaded.reject(rejected);
    for (const { reached } of this.#awaited.splice(0)) reached();
  }

  /** One question at a time; what is stale meanwhile is asked for once more behind it. */
  #ask(): void {
    if (!this.#isWanted || !this.#isThere) return;
    this.#isStale = this.#isAsking;
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#wire.post(encodeRelay({ type: "friends", have: this.#have }));
  }

  received(message: Extract<RelayMessage, { type: "roster" | "stale" | "presence" }>): void {
    switch (message.type) {
      case "roster":
        return this.#listed(message);
      case "stale":
        if (message.full) this.#have = undefined;
        return this.#ask();
      case "presence":
        return this.#changed(this.statuses.tell(message.people));
    }
  }

  #listed(roster: RosterMessage): void {
    this.#isAsking = false;
    const mark = parseTag(roster.tag);
    const people = this.#applied(roster, mark);
    const isTrue = people !== undefined && this.#isServers(people, roster, mark);
    if (!isTrue) this.divergences++;
    if (!isTrue && roster.from !== undefined) {
      this.#have = undefined;
      return this.#ask();
    }
    // A whole list that is not under its own fingerprint is better than none, but no copy to claim.
    if (people) this.#install(people, mark, isTrue ? roster.tag : undefined);
    if (this.#isStale) this.#ask();
  }

  /** The list after this answer; undefined if it does not follow on the copy. */
  #applied({ from, people }: RosterMessage, mark: Tag | undefined): Map<string, PersonRecord> | undefined {
    const before = this.#mark;
    const isWhole = from === undefined;
    const follows = mark?.epoch === before?.epoch && before !== undefined && !isWhole && BigInt(from) <= before.rev;
    if (!isWhole && !follows) return undefined;
    const after = new Map(isWhole ? [] : this.people);
    for (const person of people) {
      if (person.sub !== undefined || person.blocked || person.asks) after.set(person.user, person);
      else after.delete(person.user);
    }
    return after;
  }

  #isServers(people: ReadonlyMap<string, PersonRecord>, { blocks_tag }: RosterMessage, mark: Tag | undefined): boolean {
    const { user } = this.#wire.identity;
    const all = [...people.values()];
    const friends = all.flatMap(({ user: id, sub, ...words }): ListedFriend[] => (sub ? [{ id, sub, ...words }] : []));
    const blocked = all.flatMap(({ user: id, blocked }) => (blocked ? [id] : []));
    return friendsMd5(user, friends) === mark?.md5 && blocksMd5(user, blocked) === parseTag(blocks_tag)?.md5;
  }

  #install(people: ReadonlyMap<string, PersonRecord>, mark: Tag | undefined, have: string | undefined): void {
    const users = new Set([...this.people.keys(), ...people.keys()]);
    const changed = [...users].filter((user) => !isSame(this.people.get(user), people.get(user)));
    const isOther = mark?.epoch !== this.#mark?.epoch;
    this.people = people;
    this.#mark = mark;
    this.#have = have;
    this.statuses.keepOnly((user) => user === this.#wire.identity.user || this.#isSeen(user));
    // Once in a session; what is doubtful later is so only after a cut.
    this.#settling ??= setTimeout(() => this.#changed(this.statuses.settle()), settled_ms);
    this.loaded.resolve();
    this.#changed(changed);
    this.#reach(isOther);
  }

  #isSeen(user: string): boolean {
    const sub = this.people.get(user)?.sub;
    return sub === "to" || sub === "both";
  }

  #changed(people: readonly string[]): void {
    if (people.length > 0) this.events.emit("change", { people });
  }

  // ---- edits

  /** Calls `reached` when the copy is as far as `rev`. */
  reach(rev: number | bigint, reached: () => void): void {
    this.#awaited.push({ rev: BigInt(rev), reached });
    this.#reach(false);
    if (this.#awaited.length > 0) this.#ask();
  }

  #reach(isAll: boolean): void {
    const isReached = ({ rev }: Awaited) => isAll || (this.#mark !== undefined && this.#mark.rev >= rev);
    const reached = this.#awaited.filter(isReached);
    this.#awaited = this.#awaited.filter((awaited) => !reached.includes(awaited));
    for (const awaited of reached) awaited.reached();
  }
}

function isSame(left: PersonRecord | undefined, right: PersonRecord | undefined): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
