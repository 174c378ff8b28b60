// Remembered: which transport has worked at a server where a WebSocket has not, over page loads, for a day.

import type { TransportName } from "./transport.ts";

const life_ms = 86_400_000;

type Fallback = Exclude<TransportName, "websocket">;

export class Remembered {
  readonly #key: string;
  #kept: { readonly name: Fallback; readonly until_ms: number } | undefined;
  /** When a WebSocket was last tried in this page. */
  tried_ms: number | undefined;

  constructor(server: string) {
    this.#key = `slotcast transport ${server}`;
    this.#kept = keptIn(storage()?.getItem(this.#key));
  }

  /** undefined: nothing is known against a WebSocket. */
  get name(): Fallback | undefined {
    return this.#kept && this.#kept.until_ms > Date.now() ? this.#kept.name : undefined;
  }

  keep(name: Fallback | undefined): void {
    if (name === this.name) return;
    this.#kept = name && { name, until_ms: Date.now() + life_ms };
    try {
      if (this.#kept) storage()?.setItem(this.#key, JSON.stringify(this.#kept));
      else storage()?.removeItem(this.#key);
    } catch {
      // A full storage is no reason to have no connection.
    }
  }
}

/** There is none in Node, and some pages may not look at theirs. */
function storage(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}

/** What another version of the page, or its user, has left there may be anything. */
function keptIn(text: string | null | undefined): { readonly name: Fallback; readonly until_ms: number } | undefined {
  try {
    const { name, until_ms } = JSON.parse(text ?? "null") ?? {};
    const isGood = ["stream", "sse", "poll"].includes(name) && typeof until_ms === "number";
    return isGood && until_ms <= Date.now() + life_ms ? { name, until_ms } : undefined;
  } catch {
    return undefined;
  }
}
