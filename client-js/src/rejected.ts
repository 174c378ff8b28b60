// Rejected: why a write, a send or a request was not accepted.

import type { SlotRecord } from "./protocol.ts";

/** Codes of protocol.md, section 8. true: the same request may succeed later without anyone changing it. */
const protocolCodes = {
  bad_message: false,
  unknown_type: false,
  bad_field: false,
  bad_name: false,
  bad_value: false,
  too_deep: false,
  too_large: false,
  too_many: false,
  hello_first: false,
  unauthorized: false,
  not_used: false,
  wrong_epoch: false,
  conflict: false,
  wrong_type: false,
  wrong_rule: false,
  not_permitted: false,
  no_friend: false,
  no_request: false,
  answer_forgotten: false,
  storage_full: true,
  storage_damaged: false,
  unavailable: true,
} as const;

/** Codes that this client gives itself. */
const clientCodes = {
  /** The object died after the write was sent and before it was answered: no one will ever see it. */
  lost: false,
  /** More than 1,000 writes or 1 MiB of them wait for the connection. */
  queue_full: true,
  /** The object was released, or the client closed, before the write was sent. */
  released: false,
  /** The same user and device connected again elsewhere; this client is closed. */
  replaced: false,
} as const;

const retries: ReadonlyMap<string, boolean> = new Map(Object.entries({ ...protocolCodes, ...clientCodes }));

/** A code of protocol.md's table or of this client; a newer server may say others. */
export type Code = keyof typeof protocolCodes | keyof typeof clientCodes | (string & {});

/** What promises of writes are rejected with. */
export class Rejected extends Error {
  override readonly name = "Rejected";
  /** Whether the same request may succeed later without anyone changing it. */
  readonly retry: boolean;

  constructor(
    /** Why, for programs: `conflict`, `wrong_type`, `queue_full`, … */
    readonly code: Code,
    /** Why, for people; names the field or slot. */
    readonly what: string,
    /** The object's version when it was rejected. */
    readonly version = 0,
    /** The present records of the slots that stood in the way. */
    readonly winners: readonly SlotRecord[] = [],
  ) {
    super(`${code}: ${what}`);
    this.retry = retries.get(code) ?? false;
  }
}
