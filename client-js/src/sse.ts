// SSE: a stream as server-sent events, for what lets those through and gathers other answers. Bytes travel as base64.

import type { Downstream, DownstreamListener } from "./downstream.ts";

/** Each answer begins with a comment. It is tried where `stream` was waited for, and both together in three seconds. */
export const sse: Downstream = {
  name: "sse",
  contentType: "text/event-stream",
  begin_ms_max: 1000,
  reader(listener) {
    const decoder = new TextDecoder();
    let rest = "";
    return (piece) => {
      const lines = `${rest}${decoder.decode(piece, { stream: true })}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) take(line, listener);
    };
  },
};

/** One line of an event; its id is counted by who listens, and an event has one line of data. */
function take(line: string, listener: DownstreamListener): void {
  if (line.startsWith(":")) listener.begun();
  if (line.startsWith("data:")) listener.received(bytes(line.slice(5).trim()));
}

function bytes(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
