// What a line tells those who listen to it.

import type { TransportName } from "./transport.ts";

/** `offline` while it waits for the next attempt, or is not needed yet; `closed` for good. */
export type ConnectionState = "connecting" | "live" | "offline" | "closed";

/** Something went wrong that no promise tells. */
export interface Failure {
  /** A code of protocol.md, section 8, or `replaced`, `fault`. */
  readonly code: string;
  readonly what: string;
  readonly object: string | undefined;
}

/** What each event's listeners are handed. */
export interface ConnectionEvents {
  state: ConnectionState;
  error: Failure;
  /** It is reached in another way than before. */
  transport: TransportName | undefined;
  /** The server will close; the client comes back by itself. `retry_ms`: about when. */
  goaway: { readonly retry_ms: number; readonly reason: string };
}
