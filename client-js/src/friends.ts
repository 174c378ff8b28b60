// Friends: the user's own list, live, and what can be done to it.

import type { ListenOptions, Off } from "./events.ts";
import { isAlias, isGroup, isMember } from "./names.ts";
import { Deferred } from "./outbox.ts";
import { Rejected } from "./rejected.ts";
import type { Relay } from "./relay.ts";
import type { PersonRecord } from "./relay-incoming.ts";
import type { Edit } from "./relay-protocol.ts";
import type { Roster, RosterEvents } from "./roster.ts";
import type { Sub } from "./roster-form.ts";
import type { Status } from "./statuses.ts";

/** Someone on the list. */
export interface Friend {
  readonly id: string;
  /** What this user calls them. */
  readonly alias: string | undefined;
  /** Who of the two sees whom: `none`, `to` (this user sees them), `from` (they see this user), `both`. */
  readonly sub: Sub;
  /** This user wants to see them and is not let (yet). */
  readonly asked: boolean;
  /** This user lets them, and they do not want to (yet). */
  readonly approved: boolean;
  readonly groups: readonly string[];
  readonly status: Status;
}

const groups_max = 16;

/** The list of this client's user. It is kept up to date from when it is first asked for. */
export class Friends {
  readonly #relay: Relay;
  readonly #roster: Roster;
  #friends: ReadonlyMap<string, Friend> | undefined;
  #list: readonly Friend[] | undefined;

  constructor(relay: Relay) {
    this.#relay = relay;
    this.#roster = relay.roster;
    this.#roster.events.on("change", () => {
      this.#friends = undefined;
      this.#list = undefined;
    });
    relay.start();
    this.#roster.want();
  }

  /** Settles when the list is there; rejected if the client ends before. */
  get ready(): Promise<void> {
    return this.#roster.loaded.promise;
  }

  /** Everyone on the list, by alias or else id. Frozen, and the same array until something changes. */
  list(): readonly Friend[] {
    this.#list ??= Object.freeze([...this.#all().values()].sort(byName));
    return this.#list;
  }

  get(id: string): Friend | undefined {
    return this.#all().get(id);
  }

  /** Who asks to be let in. */
  requests(): readonly string[] {
    return this.#ids(({ asks }) => asks);
  }

  /** Who is blocked. */
  blocked(): readonly string[] {
    return this.#ids(({ blocked }) => blocked);
  }

  /** How often the copy was not the server's list, and was asked for anew: 0, unless something is wrong. */
  get divergences(): number {
    return this.#roster.divergences;
  }

  /** Listens: `change` comes once for all that came together, of lists and of statuses. Returns a function that ends it. */
  on<Name extends keyof RosterEvents>(
    name: Name,
    listener: (event: RosterEvents[Name]) => void,
    options: ListenOptions = {},
  ): Off {
    return this.#roster.events.on(name, listener, options);
  }

  // ---- edits: fulfilled when the server has kept it and the list shows it

  /** Wants to see them, and lets them. If they have asked already, the two are friends. */
  ask(id: string): Promise<void> {
    return this.#edit({ edit: "ask", user: id });
  }

  /** The same for one who has asked; else rejected with `no_request`. */
  accept(id: string): Promise<void> {
    return this.#edit({ edit: "accept", user: id });
  }

  /** Does not let in one who has asked. */
  decline(id: string): Promise<void> {
    return this.#edit({ edit: "decline", user: id });
  }

  /** Takes them off the list: neither sees the other any more. */
  remove(id: string): Promise<void> {
    return this.#edit({ edit: "remove", user: id });
  }

  /** Lets them see this user, or no more. */
  approve(id: string, on = true): Promise<void> {
    return this.#edit({ edit: "approve", user: id, value: on });
  }

  /** Calls them so; null: by their id. */
  alias(id: string, text: string | null): Promise<void> {
    const isGood = text === null || isAlias(text);
    return this.#edit({ edit: "alias", user: id, value: text }, isGood ? undefined : "alias");
  }

  /** Puts them into these groups, and no others; at most 16. */
  groups(id: string, names: readonly string[]): Promise<void> {
    const isGood = names.length <= groups_max && names.every(isGroup);
    return this.#edit({ edit: "groups", user: id, value: [...names] }, isGood ? undefined : "groups");
  }

  /** Neither hears nor lets in, and is not seen by them, until `unblock`. */
  block(id: string): Promise<void> {
    return this.#edit({ edit: "block", user: id });
  }

  unblock(id: string): Promise<void> {
    return this.#edit({ edit: "unblock", user: id });
  }

  /** `wrong`: what of it, but for the user, cannot be. */
  #edit(edit: Edit, wrong?: string): Promise<void> {
    const edited = new Deferred<void>();
    const field = isMember(edit.user) ? wrong : "user";
    if (field !== undefined) edited.reject(new Rejected("bad_name", field));
    else {
      this.#relay.run({
        draft: { type: "edit", ...edit },
        bytes: 0,
        done: (done) => done.type === "edited" && this.#roster.reach(done.rev, () => edited.resolve()),
        failed: (rejected) => edited.reject(rejected),
      });
    }
    return edited.promise;
  }

  // ---- the view

  #all(): ReadonlyMap<string, Friend> {
    this.#friends ??= new Map(
      [...this.#roster.people.values()].flatMap((person) => {
        const friend = this.#friend(person);
        return friend ? [[friend.id, friend] as const] : [];
      }),
    );
    return this.#friends;
  }

  #friend({ user: id, sub, alias, asked, approved, groups }: PersonRecord): Friend | undefined {
    if (sub === undefined) return undefined;
    return Object.freeze({ id, alias, sub, asked, approved, groups, status: this.#roster.statuses.of(id) });
  }

  #ids(isMeant: (person: PersonRecord) => boolean): readonly string[] {
    const people = [...this.#roster.people.values()].filter(isMeant);
    return Object.freeze(people.map(({ user }) => user).sort());
  }
}

function byName(left: Friend, right: Friend): number {
  return (left.alias ?? left.id).localeCompare(right.alias ?? right.id) || (left.id < right.id ? -1 : 1);
}
