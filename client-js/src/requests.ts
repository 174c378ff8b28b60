// Requests: what one session over HTTP asks, all at one address and ended together.

import type { HttpAddress } from "./page.ts";

/** What is asked. */
export interface Request {
  readonly method: "GET" | "POST" | "DELETE";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
}

export class Requests {
  readonly #running = new Set<AbortController>();

  constructor(readonly address: HttpAddress) {}

  /**
   * Asks, and hands the answer to `take`. All of it must be done within `limit_ms`, unless `take` says by its second argument that it has been long
   * enough in time.
   * @throws whatever keeps it from being done
   */
  async run<Result>(
    path: string,
    request: Request,
    limit_ms: number,
    take: (response: Response, inTime: () => void) => Promise<Result>,
  ): Promise<Result> {
    const controller = new AbortController();
    this.#running.add(controller);
    const timer = setTimeout(() => controller.abort(), limit_ms);
    try {
      const response = await fetch(this.#url(path), { ...plain, ...request, signal: controller.signal });
      return await take(response, () => clearTimeout(timer));
    } finally {
      clearTimeout(timer);
      this.#running.delete(controller);
      // A body that nobody has read to its end would keep its connection.
      controller.abort();
    }
  }

  /** Asks something whose answer does not matter, even if the page is on its way out. */
  leave(path: string, request: Request): void {
    fetch(this.#url(path), { ...plain, ...request, keepalive: true }).catch(() => {});
  }

  /** Gives up whatever is under way. */
  stop(): void {
    for (const controller of this.#running) controller.abort();
  }

  #url(path: string): string {
    return `${this.address.base}${path}${this.address.query}`;
  }
}

// The key in a header is all that says who asks.
const plain = { cache: "no-store", credentials: "omit", redirect: "error" } as const;
