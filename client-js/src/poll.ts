// Poll: an answer that ends with the first messages, then the next question. It comes through wherever a page does.

import type { Downstream } from "./downstream.ts";
import { FrameReader } from "./frames.ts";

export const poll: Downstream = {
  name: "poll",
  contentType: "application/msgpack",
  begin_ms_max: undefined,
  reader(listener) {
    const frames = new FrameReader();
    return (piece) => {
      for (const message of frames.read(piece)) if (message.length > 0) listener.received(message);
    };
  },
};
