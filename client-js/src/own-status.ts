// OwnStatus: how this client's user says that he is.

import { Rejected } from "./rejected.ts";
import type { Relay } from "./relay.ts";
import type { OwnState } from "./relay-protocol.ts";
import type { Value } from "./values.ts";
import { checked } from "./writer.ts";

/** What a client says of its user. */
export interface Said {
  readonly state: OwnState;
  /** Anything, at most 1 KiB. */
  readonly body: Value;
}

const states: ReadonlySet<string> = new Set<OwnState>(["online", "away", "busy", "invisible"]);

export class OwnStatus {
  readonly #relay: Relay;

  constructor(relay: Relay) {
    this.#relay = relay;
  }

  /** What this client says. Others see what comes of all clients of the user. */
  get said(): Said | undefined {
    return this.#relay.said;
  }

  /** Says it now and in each session to come, until `clear`. Throws Rejected for what the server would refuse. */
  set({ state, body = null }: { readonly state: OwnState; readonly body?: unknown }): void {
    if (!states.has(state)) throw new Rejected("bad_field", `state ${JSON.stringify(state)}`);
    const { value, bytes } = checked(body);
    const bytes_max = this.#relay.limit("status_bytes");
    if (bytes > bytes_max) throw new Rejected("too_large", `a body of ${bytes} bytes, ${bytes_max} at most`);
    this.#relay.say(Object.freeze({ state, body: value }));
  }

  /** Says nothing any more. */
  clear(): void {
    this.#relay.say(undefined);
  }
}
