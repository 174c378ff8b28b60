// Statuses: how others are, as far as the server has told.

import type { State, StatusRecord } from "./relay-incoming.ts";
import type { Value } from "./values.ts";

/** How somebody is. */
export interface Status {
  readonly state: State;
  /** What they say with it; null: nothing. */
  readonly body: Value;
  /** Since when, or when they were seen last: the server's clock, Unix milliseconds; undefined: not known. */
  readonly since: number | undefined;
}

/** Of whom nothing is known. */
const unknown: Status = Object.freeze({ state: "offline", body: null, since: undefined });

export class Statuses {
  readonly #known = new Map<string, Status>();
  /** Known from a session that is gone. */
  readonly #doubtful = new Set<string>();

  of(user: string): Status {
    return this.#known.get(user) ?? unknown;
  }

  /** The server says how some are. */
  tell(people: readonly StatusRecord[]): string[] {
    for (const { user, state, body, since_ms: since } of people) {
      this.#doubtful.delete(user);
      if (state === "offline" && since === undefined) this.#known.delete(user);
      else this.#known.set(user, Object.freeze({ state, body, since }));
    }
    return people.map(({ user }) => user);
  }

  /** The session is gone. What was known stays until the next one has told how all are. */
  doubt(): void {
    for (const user of this.#known.keys()) this.#doubtful.add(user);
  }

  /** The server has told of all who are not offline. Gives those who turn out to be. */
  settle(): string[] {
    const gone = [...this.#doubtful].filter((user) => this.#known.delete(user));
    this.#doubtful.clear();
    return gone;
  }

  /** Of others nothing more will be told. */
  keepOnly(isSeen: (user: string) => boolean): void {
    for (const user of this.#known.keys()) if (!isSeen(user)) this.#known.delete(user);
  }
}
