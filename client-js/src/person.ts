// Person: somebody else, by name, and what can be said to them.

import { isSendName } from "./names.ts";
import { Deferred } from "./outbox.ts";
import { Rejected } from "./rejected.ts";
import type { Relay } from "./relay.ts";
import type { Status } from "./statuses.ts";
import type { Value } from "./values.ts";
import { checked } from "./writer.ts";

/** A message is in its recipient's inbox. */
export interface Told {
  /** Its place there: a receipt that reaches it is about this one too. */
  readonly at: number;
  /** When it was stored: the server's clock, Unix milliseconds. */
  readonly time: number;
  /** The durability class reached: `memory`, `disk`. */
  readonly class: string;
}

/** For `tell`. */
export interface TellOptions {
  /** What it is, for the clients: 1 to 64 bytes. */
  readonly kind?: string | undefined;
}

/** Another user. Costs nothing: make one for each use. */
export class Person {
  readonly #relay: Relay;

  constructor(
    readonly id: string,
    relay: Relay,
  ) {
    this.#relay = relay;
  }

  /** How they are, as far as the server tells this user: of friends, while `friends` is in use. */
  get status(): Status {
    return this.#relay.roster.statuses.of(this.id);
  }

  /**
   * Puts a message into their inbox, once, over cuts. Messages of this client arrive in the order of the calls.
   * Rejected with why they have not got it.
   */
  tell(body: unknown, { kind }: TellOptions = {}): Promise<Told> {
    const told = new Deferred<Told>();
    try {
      if (kind !== undefined) checkKind(kind);
      const { value, bytes } = this.#checked(body);
      this.#relay.run({
        draft: { type: "tell", to: this.id, body: value, kind },
        bytes,
        done: (done) => done.type === "stored" && told.resolve({ at: done.at, time: done.time_ms, class: done.class }),
        failed: (rejected) => told.reject(rejected),
      });
    } catch (error) {
      told.reject(error);
    }
    return told.promise;
  }

  /** Says something that is worth nothing later: it reaches who is there now, or nobody. */
  signal(kind: string, body: unknown = null): void {
    checkKind(kind);
    this.#relay.signal(this.id, kind, this.#checked(body).value);
  }

  /** Tells the server, and by it them, that what they wrote is read, up to `seq` of the own inbox. */
  read(seq: number): void {
    if (!Number.isSafeInteger(seq) || seq < 0) throw new Rejected("bad_field", "seq is no whole number");
    this.#relay.reader.read(this.id, seq);
  }

  #checked(body: unknown): { value: Value; bytes: number } {
    const { value, bytes } = checked(body);
    const bytes_max = this.#relay.limit("tell_bytes");
    if (bytes > bytes_max) throw new Rejected("too_large", `a body of ${bytes} bytes, ${bytes_max} at most`);
    return { value, bytes };
  }
}

function checkKind(kind: string): void {
  if (!isSendName(kind)) throw new Rejected("bad_name", `kind ${JSON.stringify(kind)}`);
}
