// WebSockets of a fake server, and a network that may refuse them, swallow them or cut them.

import type { WebSocketClass, WebSocketLike } from "../src/websocket.ts";
import { type FakeDoor, FakeTransport, type Guest } from "./fake-door.ts";

export class FakeSockets {
  /** `refused`: closed without having been open. `swallowed`: nothing ever comes. `deaf`: open, but what is said does not arrive. */
  mood: "open" | "refused" | "swallowed" | "deaf" = "open";
  opened = 0;
  readonly class: WebSocketClass;

  constructor(doors: { readonly objects: FakeDoor<Guest>; readonly relay: FakeDoor<Guest> }) {
    const network = this;
    this.class = class implements WebSocketLike {
      binaryType = "";
      onopen: ((event: never) => void) | null = null;
      onmessage: ((event: never) => void) | null = null;
      onclose: ((event: never) => void) | null = null;
      onerror: ((event: never) => void) | null = null;
      readonly #link: FakeTransport;
      readonly #mood = network.mood;

      constructor(url: string) {
        network.opened++;
        this.#link = new FakeTransport(url.includes("/relay") ? doors.relay : doors.objects);
        this.#link.listen({
          opened: () => this.onopen?.(undefined as never),
          received: (message) => this.onmessage?.({ data: message.slice().buffer } as never),
          closed: (code, reason) => this.onclose?.({ code, reason } as never),
        });
        if (this.#mood === "refused") setTimeout(() => this.onclose?.({ code: 1006, reason: "" } as never), 10);
        else if (this.#mood !== "swallowed") this.#link.open();
      }

      send(data: Uint8Array): void {
        if (this.#mood === "open") this.#link.send([data]);
      }

      close(): void {
        this.#link.close();
      }
    };
  }
}
