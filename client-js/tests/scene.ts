// Scene: a fake server with its two doors, some clients, and fake time.

import { vi } from "vitest";
import type { Slotcast } from "../src/client.ts";
import { type ConnectOptions, connect } from "../src/connect.ts";
import { FakeTransport } from "./fake-door.ts";
import { FakeRelay } from "./fake-relay.ts";
import { FakeServer } from "./fake-server.ts";

export class Scene {
  readonly server = new FakeServer();
  readonly relay = new FakeRelay();
  readonly clients: Slotcast[] = [];

  /** `random`: what all jitter is made of. */
  constructor(random = 0.5) {
    vi.useFakeTimers({ now: 1_700_000_000_000 });
    vi.spyOn(Math, "random").mockReturnValue(random);
  }

  client(user: string, { url = "fake/objects", ...options }: ConnectOptions & { url?: string } = {}): Slotcast {
    const transport = (url: string) => new FakeTransport(url.endsWith("/relay") ? this.relay : this.server);
    const client = connect(url, { user, device: `device-${user}`, transport, ...options });
    this.clients.push(client);
    return client;
  }

  /** Lets `ms` pass, and everything that happens in it happen. */
  async pass(ms = 100): Promise<void> {
    await vi.advanceTimersByTimeAsync(ms);
  }

  end(): void {
    for (const client of this.clients) client.close();
    vi.useRealTimers();
    vi.restoreAllMocks();
  }
}

/** What the listeners of `names` heard, as `name slot old>value` lines. */
export function heard(so: { on(name: never, listener: never): unknown }, ...names: string[]): string[] {
  const lines: string[] = [];
  for (const name of names) {
    so.on(
      name as never,
      ((event: { slot?: string; old?: unknown; value?: unknown; by?: string; slots?: string[]; code?: string }) => {
        const detail = event.slots ?? [event.slot, `${text(event.old)}>${text(event.value)}`, event.code ?? event.by];
        lines.push([name, ...detail.filter((part) => part !== undefined)].join(" "));
      }) as never,
    );
  }
  return lines;
}

function text(value: unknown): string {
  return value === undefined ? "-" : JSON.stringify(value);
}
