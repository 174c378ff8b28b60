// The HTTP doors of a fake server (protocol.md, section 14), behind `fetch`, and what stands between them and a client.

import { setMaxListeners } from "node:events";
import { FrameReader, framed } from "../src/frames.ts";
import { decode, encode } from "../src/msgpack.ts";
import { type FakeDoor, FakeTransport, type Guest } from "./fake-door.ts";

interface HttpSession {
  readonly link: FakeTransport;
  /** What the server has to say, and has not said in any answer. */
  waiting: Uint8Array[];
  /** How many messages answers have taken with them. */
  given: number;
  batch: number;
  /** A newer question has a higher one. */
  turn: number;
  /** Tells the answer that is under way that there is more, or that a newer question takes its place. */
  wake: (() => void) | undefined;
  isOver: boolean;
  lastGet_ms: number;
}

// An answer that goes on has one signal for all that it waits for.
setMaxListeners(0);

const ping_ms = 25_000;
const pong_ms = 10_000;

export class FakeHttp {
  /** What the network does to an answer that goes on: let it through, or gather it until it ends. */
  holdsUp: readonly ("stream" | "sse")[] = [];
  isDown = false;
  /** The answers to so many more POSTs are lost. */
  answersLost = 0;
  /** An answer that goes on is cut in the middle of the message after so many bytes. */
  cutAfter_bytes = Number.POSITIVE_INFINITY;
  readonly requests: string[] = [];
  readonly batches: { readonly number: number; readonly codes: number[] }[] = [];
  readonly #sessions = new Map<string, HttpSession>();
  #keys = 0;

  constructor(readonly doors: { readonly objects: FakeDoor<Guest>; readonly relay: FakeDoor<Guest> }) {}

  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    const path = new URL(url).pathname.slice(1);
    this.requests.push(`${init.method} ${path}`);
    await later(this.doors.objects.latency_ms(), init.signal);
    if (this.isDown) throw new TypeError("fetch failed");
    const headers = new Headers(init.headers);
    const answer = await this.#answer(path, init, headers);
    await later(this.doors.objects.latency_ms(), init.signal);
    if (init.method === "POST" && this.answersLost > 0 && this.answersLost--) throw new TypeError("fetch failed");
    return answer;
  };

  /** The server forgets all sessions. */
  forget(): void {
    for (const session of this.#sessions.values()) session.isOver = true;
    this.#sessions.clear();
  }

  async #answer(path: string, init: RequestInit, headers: Headers): Promise<Response> {
    if (path === "poll/objects" || path === "poll/relay") return this.#open(path.slice(5) as "objects", init);
    const session = this.#sessions.get(headers.get("slotcast-session") ?? "");
    if (init.method === "DELETE") {
      session?.link.cut();
      return new Response(null, { status: 204 });
    }
    if (!session) return gone();
    if (init.method === "POST") return this.#batch(session, Number(headers.get("slotcast-batch")), init.body);
    if (Number(headers.get("slotcast-have")) !== session.given) {
      session.link.cut();
      return gone();
    }
    session.turn++;
    session.wake?.();
    return path === "poll" ? this.#poll(session, init) : this.#stream(session, path as "stream", init);
  }

  async #open(door: "objects" | "relay", init: RequestInit): Promise<Response> {
    const link = new FakeTransport(this.doors[door]);
    const key = `key-${++this.#keys}`;
    const session: HttpSession = {
      link,
      waiting: [],
      given: 0,
      batch: 1,
      turn: 0,
      wake: undefined,
      isOver: false,
      lastGet_ms: Date.now(),
    };
    this.#sessions.set(key, session);
    await new Promise<void>((resolve) => {
      session.wake = resolve;
      link.listen({
        opened: () => link.send(messagesOf(init.body)),
        received: (message) => said(session, message),
        closed: (code) => {
          said(session, encode([28, code, ""]));
          session.isOver = true;
          this.#sessions.delete(key);
        },
      });
      link.open();
    });
    this.#watch(session);
    return new Response(framed(taken(session)), {
      headers: { "slotcast-session": key, "content-type": "application/msgpack" },
    });
  }

  /** A session for whose messages nobody asks is lost. */
  #watch(session: HttpSession): void {
    if (session.isOver) return;
    const isLost = session.wake === undefined && Date.now() - session.lastGet_ms >= pong_ms;
    if (isLost) session.link.cut();
    else setTimeout(() => this.#watch(session), 1000);
  }

  #batch(session: HttpSession, number: number, body: RequestInit["body"]): Response {
    if (number > session.batch + 1) return new Response(null, { status: 409 });
    if (number === session.batch + 1) {
      session.batch = number;
      const messages = messagesOf(body);
      this.batches.push({ number, codes: messages.map((message) => (decode(message, 24) as number[])[0] ?? 0) });
      session.link.send(messages);
    }
    return new Response(null, { status: 204 });
  }

  async #poll(session: HttpSession, init: RequestInit): Promise<Response> {
    const { turn } = session;
    await this.#more(session, init, ping_ms);
    const messages = turn === session.turn ? taken(session) : [];
    if (messages.length === 0) return new Response(null, { status: 204 });
    return new Response(framed(messages), { headers: { "content-type": "application/msgpack" } });
  }

  #stream(session: HttpSession, path: "stream" | "sse", init: RequestInit): Response {
    const isSse = path === "sse";
    const { turn } = session;
    const body = new ReadableStream<Uint8Array>({
      start: async (controller) => {
        const gathered: Uint8Array[] = [];
        let left = this.cutAfter_bytes;
        const say = (bytes: Uint8Array) => {
          if (this.holdsUp.includes(path)) {
            gathered.push(bytes);
            return;
          }
          controller.enqueue(bytes.slice(0, left));
          left -= bytes.length;
          if (left < 0) throw new TypeError("terminated");
        };
        try {
          say(isSse ? text(": hello\n\n") : framed([new Uint8Array()]));
          const until_ms = Date.now() + ping_ms;
          while (turn === session.turn && !session.isOver && Date.now() < until_ms) {
            await this.#more(session, init, until_ms - Date.now());
            for (const [at, message] of turn === session.turn ? taken(session).entries() : []) {
              say(isSse ? event(session.given + at, message) : framed([message]));
            }
          }
          for (const bytes of gathered) controller.enqueue(bytes);
          controller.close();
        } catch (error) {
          controller.error(error);
        }
      },
    });
    return new Response(body, { headers: { "content-type": isSse ? "text/event-stream" : "application/msgpack" } });
  }

  /** Settles when there is something to say, it is time to end, or a newer question has taken this one's place. */
  async #more(session: HttpSession, { signal }: RequestInit, limit_ms: number): Promise<void> {
    if (session.waiting.length > 0 || session.isOver) return;
    await new Promise<void>((resolve) => {
      session.wake = resolve;
      setTimeout(resolve, limit_ms);
      signal?.addEventListener("abort", () => resolve(), { once: true });
    });
    session.wake = undefined;
    session.lastGet_ms = Date.now();
    if (signal?.aborted) throw new DOMException("aborted", "AbortError");
  }
}

function said(session: HttpSession, message: Uint8Array): void {
  session.waiting.push(message);
  session.wake?.();
}

function taken(session: HttpSession): Uint8Array[] {
  const messages = session.waiting;
  session.waiting = [];
  session.given += messages.length;
  return messages;
}

function messagesOf(body: RequestInit["body"]): Uint8Array[] {
  return [...new FrameReader().read(body as Uint8Array)];
}

function event(id: number, message: Uint8Array): Uint8Array {
  return text(`id: ${id}\ndata: ${btoa(String.fromCharCode(...message))}\n\n`);
}

function text(line: string): Uint8Array {
  return new TextEncoder().encode(line);
}

function gone(): Response {
  return Response.json({ type: "error", code: "gone", what: "no such session" }, { status: 410 });
}

async function later(delay_ms: number, signal: AbortSignal | null | undefined): Promise<void> {
  await new Promise((resolve, reject) => {
    setTimeout(resolve, delay_ms);
    const abort = () => reject(new DOMException("aborted", "AbortError"));
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
  });
}
