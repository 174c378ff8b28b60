// Decoded: a message as the client reads it at the door of objects.

import { objectMessage } from "../src/incoming.ts";
import { lineMessage, messageFields } from "../src/line-incoming.ts";

export function decodeMessage(bytes: Uint8Array) {
  const fields = messageFields(bytes);
  return lineMessage(fields) ?? objectMessage(fields);
}
