// Wire: what an object's replica needs of the connection.

import type { Replica } from "./replica.ts";

export interface Wire {
  /** Who this client is; empty before the first welcome. */
  readonly user: string;
  /** The server's clock, Unix milliseconds. */
  now(): number;
  /** A limit of the server. */
  limit(name: "message_bytes" | "value_bytes" | "ops" | "inflight"): number;
  /** A new id; its answer comes to `replica`. */
  id(replica: Replica): number;
  /** Hands a message to the socket at the end of this tick. */
  post(message: Uint8Array): void;
  /** Calls `pump` at the end of this tick. */
  schedule(replica: Replica): void;
  /** Something that no promise tells. */
  failed(code: string, what: string, object: string): void;
}
