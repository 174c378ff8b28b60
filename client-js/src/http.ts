// HttpTransport: a session over HTTP (protocol.md, section 14), for networks that break WebSockets. Its ways down are siblings of each other.

import type { Downstream } from "./downstream.ts";
import { FrameReader, framed } from "./frames.ts";
import { lineMessage, messageFields } from "./line-incoming.ts";
import { type HttpAddress, onLeave } from "./page.ts";
import { Requests } from "./requests.ts";
import type { Transport, TransportListener, TransportName } from "./transport.ts";
import { Upstream } from "./upstream.ts";

const close_code = 28;
const contentType = "application/msgpack";
const open_ms_max = 10_000;
/** The server answers a poll within 25 s. */
const answer_ms_max = 90_000;
/** A way to which there is no other is waited for so long. */
const only_begin_ms = 3000;
/** For what was said before the end. */
const farewell_ms_max = 5000;
/** After a question that failed, at first; it doubles. */
const pause_ms = 100;
/** An answer that lasted so long was good, even if it brought nothing and broke off. */
const healthy_ms = 1000;
const failures_max = 6;

/** What became of one question. */
type Outcome = "good" | "empty" | "failed" | "late" | "gone";

export class HttpTransport implements Transport {
  #listener: TransportListener | undefined;
  readonly #requests: Requests;
  readonly #upstream: Upstream;
  #ways: readonly Downstream[];
  #session: string | undefined;
  #isOpening = false;
  /** Messages of this session that have come. */
  #have = 0;
  /** The first messages, until a way down has shown that it is open. */
  #held: Uint8Array[] | undefined = [];
  #stopListening: (() => void) | undefined;

  /** `ways`: the one to be used, and those that take its place if it turns out to be held up while the session is still new. */
  constructor(address: HttpAddress, ways: readonly [Downstream, ...Downstream[]]) {
    this.#requests = new Requests(address);
    this.#upstream = new Upstream(this.#requests, contentType, (code) =>
      this.#end(code, "a batch did not get through"),
    );
    this.#ways = ways;
  }

  get name(): TransportName | undefined {
    return this.#ways[0]?.name;
  }

  listen(listener: TransportListener): void {
    this.#listener = listener;
  }

  /** There is nothing to wait for: the first batch opens the session. */
  open(): void {
    queueMicrotask(() => this.#listener?.opened());
  }

  send(messages: readonly Uint8Array[]): void {
    if (this.#isOpening) return this.#upstream.push(messages);
    this.#isOpening = true;
    void this.#begin(messages);
  }

  close(code: number): void {
    this.#listener = undefined;
    if (code === 1000 && this.#session !== undefined) void this.#farewell();
    else this.#leave();
  }

  /** What is on its way is waited for, but not for long. */
  async #farewell(): Promise<void> {
    const timer = setTimeout(() => this.#requests.stop(), farewell_ms_max);
    await this.#upstream.drained();
    clearTimeout(timer);
    this.#leave();
  }

  #leave(): void {
    this.#stopListening?.();
    this.#upstream.stop();
    this.#requests.stop();
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    this.#requests.leave("poll", { method: "DELETE", headers: { "slotcast-session": session } });
  }

  /** The session is over, and the server knows it or will. */
  #end(code: number, reason: string): void {
    const listener = this.#listener;
    this.#listener = undefined;
    this.#session = undefined;
    this.#stopListening?.();
    this.#upstream.stop();
    this.#requests.stop();
    listener?.closed(code, reason);
  }

  // ---- the session

  async #begin(messages: readonly Uint8Array[]): Promise<void> {
    const headers = { "content-type": contentType };
    const request = { method: "POST", headers, body: framed(messages) } as const;
    const { door } = this.#requests.address;
    try {
      await this.#requests.run(`poll/${door}`, request, open_ms_max, (response) => this.#opened(response));
    } catch {
      this.#end(1006, "the session could not be opened");
    }
    if (this.#session !== undefined) void this.#ask(this.#session);
  }

  async #opened(response: Response): Promise<void> {
    const session = response.headers.get("slotcast-session");
    if (!response.ok || session === null) return this.#end(closeCode(response.status), `HTTP ${response.status}`);
    const first = new Uint8Array(await response.arrayBuffer());
    // Closed meanwhile.
    if (!this.#listener)
      return this.#requests.leave("poll", { method: "DELETE", headers: { "slotcast-session": session } });
    this.#session = session;
    this.#stopListening = onLeave(() => this.#leave());
    for (const message of new FrameReader().read(first)) this.#take(message);
    if (this.#session !== undefined) this.#upstream.start(session);
  }

  /** Asks, again and again, for what the server has to say. */
  async #ask(session: string): Promise<void> {
    for (let failures = 0; this.#session === session; ) {
      const [way, ...others] = this.#ways;
      if (!way) return;
      if (way.begin_ms_max === undefined) this.#release();
      const outcome = await this.#question(session, way);
      if (this.#session !== session || !this.#listener) return;
      if (outcome === "gone") return this.#end(1006, "the session is gone");
      if (outcome === "good" || outcome === "empty") failures = 0;
      else if (this.#held && others.length > 0) this.#ways = others;
      else if (outcome === "late" || ++failures === failures_max) return this.#end(1006, `${way.name} is held up`);
      if (outcome === "failed" || outcome === "empty") await pause(pause_ms * 2 ** failures);
    }
  }

  async #question(session: string, way: Downstream): Promise<Outcome> {
    const asked_ms = Date.now();
    const had = this.#have;
    const headers = { "slotcast-session": session, "slotcast-have": String(had) };
    const limit_ms = this.#limit_ms(way);
    let isBegun = way.begin_ms_max === undefined;
    const ended = await this.#requests
      .run(way.name, { method: "GET", headers }, limit_ms, (response, inTime) => {
        const begun = () => {
          isBegun = true;
          inTime();
          this.#release();
        };
        return this.#answer(response, way, begun);
      })
      .catch(() => "failed" as const);
    const lasted_ms = Date.now() - asked_ms;
    if (ended === "gone") return "gone";
    if (this.#have > had || (isBegun && lasted_ms >= healthy_ms)) return "good";
    if (!isBegun) return lasted_ms < limit_ms ? "failed" : "late";
    return ended;
  }

  #limit_ms({ begin_ms_max }: Downstream): number {
    if (begin_ms_max === undefined) return answer_ms_max;
    return this.#held && this.#ways.length > 1 ? begin_ms_max : only_begin_ms;
  }

  /** Reads one answer to its end; a piece of a message at the end is lost, and the server knows by the number that is asked next. */
  async #answer(response: Response, way: Downstream, begun: () => void): Promise<Outcome> {
    if (response.status === 204) return "empty";
    if (response.status === 410) return "gone";
    if (!response.ok || !response.headers.get("content-type")?.startsWith(way.contentType)) return "failed";
    const read = way.reader({ begun, received: (message) => this.#take(message) });
    const body = response.body?.getReader();
    for (let part = await body?.read(); part?.value; part = await body?.read()) read(part.value);
    return "empty";
  }

  // ---- messages that come

  #take(message: Uint8Array): void {
    if (message.length === 0 || this.#session === undefined) return;
    this.#have++;
    const close = closeMessage(message);
    if (close) {
      this.#release();
      this.#end(close.code, close.reason);
    } else if (this.#held) this.#held.push(message);
    else this.#listener?.received(message);
  }

  /** The way down is open, or there will be none: what was held is told. */
  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const message of held) this.#listener?.received(message);
  }
}

function pause(delay_ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delay_ms));
}

/** What a refused opening says as a close code. */
function closeCode(status: number): number {
  if (status === 401) return 4401;
  if (status === 429) return 4429;
  return 1006;
}

/** `close`: the last message of a session, in the place of a WebSocket's close frame. */
function closeMessage(message: Uint8Array): { readonly code: number; readonly reason: string } | undefined {
  // An array whose first item is its code: no other message needs to be read twice.
  if (message[1] !== close_code) return undefined;
  const close = lineMessage(messageFields(message));
  return close?.type === "close" ? close : undefined;
}
