// Small honest friend lists: two sides, edits, revs, deltas, tags; and the statuses that friends see.

import { blocksMd5, type Friend, friendsMd5, type Sub } from "../src/roster-form.ts";
import type { Frame, Guest } from "./fake-door.ts";

/** What an owner says of another. */
interface Word {
  isListed: boolean;
  wants: boolean;
  lets: boolean;
  alias: string | null;
  groups: string[];
}

class List {
  rev = 1;
  readonly words = new Map<string, Word>();
  readonly blocks = new Set<string>();
  /** The rev at which the owner's word about someone, or theirs about the owner, changed last. */
  readonly touched = new Map<string, number>();

  constructor(readonly epoch: string) {}
}

interface Said {
  state: string;
  body: unknown;
  since_ms: number;
}

export class FakeRosters {
  readonly #lists = new Map<string, List>();
  readonly #said = new Map<Guest, Said>();
  /** Sessions that have asked for the list. */
  readonly #readers = new Set<Guest>();
  /** Fields of rows of the next answers that are told wrongly. */
  readonly lies: Record<string, unknown>[] = [];
  #epochs = 0xabc;

  #list(owner: string): List {
    const list = this.#lists.get(owner) ?? new List((this.#epochs++).toString(16).padStart(16, "0"));
    this.#lists.set(owner, list);
    return list;
  }

  #word(owner: string, user: string): Word {
    const word = this.#list(owner).words.get(user) ?? {
      isListed: false,
      wants: false,
      lets: false,
      alias: null,
      groups: [],
    };
    this.#list(owner).words.set(user, word);
    return word;
  }

  #sub(owner: string, user: string): Sub {
    const own = this.#word(owner, user);
    const theirs = this.#word(user, owner);
    const to = own.wants && theirs.lets;
    const from = own.lets && theirs.wants;
    return to ? (from ? "both" : "to") : from ? "from" : "none";
  }

  /** `[user, sub, asked, approved, alias, groups, blocked, asks]` */
  #row(owner: string, user: string): Frame {
    const own = this.#word(owner, user);
    const theirs = this.#word(user, owner);
    const sub = this.#sub(owner, user);
    const asked = own.wants && !theirs.lets;
    const approved = own.lets && !theirs.wants;
    const isBlocked = this.#list(owner).blocks.has(user);
    const asks = theirs.wants && !own.isListed && !isBlocked;
    const head = own.isListed
      ? [user, sub, asked, approved, own.alias, own.groups]
      : [user, null, false, false, null, []];
    return [...head, isBlocked, asks];
  }

  /** The tags of both lists. */
  tags(owner: string): [string, string] {
    const list = this.#list(owner);
    const rows = [...list.words.keys()].map((user) => this.#row(owner, user)).filter(([, sub]) => sub !== null);
    const friends = rows.map(([id, sub, asked, approved, alias, groups]) => ({
      id,
      sub,
      asked,
      approved,
      alias: alias ?? undefined,
      groups,
    }));
    const mark = `${list.epoch}.${list.rev}`;
    return [`${mark}.${friendsMd5(owner, friends as Friend[])}`, `${mark}.${blocksMd5(owner, list.blocks)}`];
  }

  friends(session: Guest, have: unknown): void {
    const { user: owner, link } = session;
    const list = this.#list(owner);
    const [tag, blocks_tag] = this.tags(owner);
    const [epoch, rev] = typeof have === "string" ? have.split(".") : [];
    const from = epoch === list.epoch && Number(rev) <= list.rev ? Number(rev) : undefined;
    const users = [...list.words.keys()].filter((user) => from === undefined || (list.touched.get(user) ?? 0) > from);
    const rows = users.map((user) => this.#row(owner, user)).sort();
    const people = from === undefined ? rows.filter((row) => row[1] !== null || row[6] || row[7]) : rows;
    const lie = this.lies.shift();
    if (lie) for (const row of people) Object.assign(row, lie);
    link.tell([58, tag, blocks_tag, from ?? null, people]);
    if (!this.#readers.has(session)) {
      this.#readers.add(session);
      const there = [...list.words.keys()].filter((user) => this.#seen(owner, user)[1] !== "offline");
      if (there.length > 0) link.tell([61, there.map((user) => this.#seen(owner, user))]);
    }
  }

  /** Gives the frame that answers. */
  edit(owner: string, [id, edit, user, value]: Frame): Frame {
    const refused = this.#act(owner, edit as string, user as string, value);
    return refused ? [56, id, refused, "no"] : [59, id, this.#list(owner).rev];
  }

  /** An edit of one of the users, from wherever. Gives the code with which it is refused. */
  #act(owner: string, edit: string, user: string, value: unknown): string | undefined {
    const own = this.#word(owner, user);
    const theirs = this.#word(user, owner);
    const isAsking = theirs.wants && !own.isListed;
    if (edit === "accept" && !isAsking && !own.isListed) return "no_request";
    if ((edit === "alias" || edit === "groups") && !own.isListed) return "no_friend";
    const before = this.#state(owner, user);
    if (edit === "ask" || edit === "accept") Object.assign(own, { isListed: true, wants: true, lets: true });
    else if (edit === "decline") theirs.wants = false;
    else if (edit === "remove") {
      Object.assign(own, { isListed: false, wants: false, lets: false, alias: null, groups: [] });
      theirs.wants = false;
    } else if (edit === "approve") {
      Object.assign(own, { isListed: true, lets: value === true });
      if (value !== true) theirs.wants = false;
    } else if (edit === "alias") own.alias = value as string | null;
    else if (edit === "groups") own.groups = value as string[];
    else if (edit === "block") this.#list(owner).blocks.add(user);
    else if (edit === "unblock") this.#list(owner).blocks.delete(user);
    else throw new Error(`no edit: ${edit}`);
    const after = this.#state(owner, user);
    if (before[0] !== after[0]) this.#touch(owner, user);
    if (before[1] !== after[1]) this.#touch(user, owner);
    return undefined;
  }

  /** What both sides are shown. */
  #state(owner: string, user: string): [string, string] {
    return [JSON.stringify(this.#row(owner, user)), JSON.stringify(this.#row(user, owner))];
  }

  do(owner: string, edit: string, user: string, value?: unknown): void {
    this.#act(owner, edit, user, value);
  }

  #touch(owner: string, user: string): void {
    const list = this.#list(owner);
    list.touched.set(user, ++list.rev);
    for (const reader of this.#readers) if (reader.user === owner) reader.link.tell([60, false]);
  }

  /** The list is another one, as after a backup came back. */
  renew(owner: string): void {
    const list = this.#list(owner);
    const fresh = new List((this.#epochs++).toString(16).padStart(16, "0"));
    for (const [user, word] of list.words) fresh.words.set(user, word);
    this.#lists.set(owner, fresh);
  }

  // ---- statuses

  status(session: Guest, [state, body]: Frame): void {
    const before = this.#folded(session.user)?.state;
    if (state == null) this.#said.delete(session);
    else this.#said.set(session, { state: state as string, body: body ?? null, since_ms: Date.now() });
    if (before !== undefined || state != null) this.#spread(session.user);
  }

  gone(session: Guest): void {
    this.#readers.delete(session);
    if (this.#said.delete(session)) this.#spread(session.user);
  }

  #folded(user: string): Said | undefined {
    const all = [...this.#said].filter(([session]) => session.user === user).map(([, said]) => said);
    for (const state of ["invisible", "busy", "online", "away"]) {
      const said = all.find((said) => said.state === state);
      if (said) return said;
    }
    return undefined;
  }

  /** How `user` is for `reader`. */
  #seen(reader: string, user: string): Frame {
    const said = this.#folded(user);
    const sub = this.#sub(reader, user);
    const isHidden = said?.state === "invisible" || this.#list(user).blocks.has(reader);
    if (!said || isHidden || (sub !== "to" && sub !== "both")) return [user, "offline", null, null];
    return [user, said.state, said.body, said.since_ms];
  }

  #spread(user: string): void {
    for (const reader of this.#readers) {
      const sub = this.#sub(reader.user, user);
      if (sub === "to" || sub === "both") reader.link.tell([61, [this.#seen(reader.user, user)]]);
    }
  }
}
