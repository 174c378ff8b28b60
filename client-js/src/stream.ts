// Stream: answers that go on, a message as soon as there is one. Dead where something between gathers an answer until it ends.

import type { Downstream } from "./downstream.ts";
import { FrameReader } from "./frames.ts";

/** Each answer begins with an empty message. */
export const stream: Downstream = {
  name: "stream",
  contentType: "application/msgpack",
  begin_ms_max: 2000,
  reader(listener) {
    const frames = new FrameReader();
    return (piece) => {
      for (const message of frames.read(piece)) {
        if (message.length === 0) listener.begun();
        else listener.received(message);
      }
    };
  },
};
