// Speaker: who speaks over a line, of what is said behind its door.

import type { ServerError, Welcome } from "./line-incoming.ts";
import type { Value } from "./values.ts";

/** Why a line has ended for good. */
export type EndCode = "released" | "replaced" | "unauthorized";

export interface Speaker<Message> {
  /** The message with these fields; undefined if its type is not known. */
  decode(fields: readonly Value[]): Message | undefined;
  /** A session has begun: what was posted before is gone. */
  welcomed(welcome: Welcome): void;
  received(message: Message): void;
  /** The server has refused something; the listeners of `error` know. */
  refused(error: ServerError): void;
  /** The tick ends: the last chance to post what is to leave in it. */
  pump(): void;
  /** The session is gone. */
  cut(): void;
  /** There will be no other. */
  ended(code: EndCode, what: string): void;
}
