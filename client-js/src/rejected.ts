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
  unknown_user: false,
  inbox_full: true,
  too_fast: true,
  no_friend: false,
  no_request: false,
  answer_forgotten: false,
  storage_full: true,
  storage_damaged: false,
  unavailable: true,
  gone: false,
  out_of_order: false,
} as const;

/** Codes that this client gives itself. */
const clientCodes = {
  /**
   * It was sent and will have no answer. A write to an object that has died since: no one will ever see it. When the client was closed: it was done
   * once or not at all.
   */
  lost: false,
  /** More than 1,000 writes or messages, or 1 MiB of them, wait for the connection. */
  queue_full: true,
  /** The object was released, or the client closed, before the write was sent. */
  released: false,
  /** The same user and device connected again elsewhere; this client is closed. */
  replaced: false,
} as const;

const retries: ReadonlyMap<string, boolean> = new Map(Object.entries({ ...protocolCodes, ...clientCodes }));

/** Whether this client has heard of the code. */
export function isKnownCode(code: string): boolean {
  return retries.has(code);
}

/** A code of protocol.md's table or of this client; a newer server may say others. */
export type Code = keyof typeof protocolCodes | keyof typeof clientCodes | (string & {});

/** What promises are rejected with. */
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
    /** Milliseconds after which another try is worth it, where the server knows. */
    readonly retryMs: number | undefined = undefined,
  ) {
    super(`${code}: ${what}`);
    this.retry = retries.get(code) ?? false;
  }
}
