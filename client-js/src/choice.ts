// Choice: which transports a line tries, in which order, and what it learns from how they did.

import type { Downstream } from "./downstream.ts";
import { HttpTransport } from "./http.ts";
import { httpAddress } from "./page.ts";
import { poll } from "./poll.ts";
import type { Remembered } from "./remembered.ts";
import { sse } from "./sse.ts";
import { stream } from "./stream.ts";
import type { Transport, TransportName } from "./transport.ts";
import { type WebSocketClass, WebSocketTransport } from "./websocket.ts";

/** Makes one transport for one attempt. */
export type NewTransport = () => Transport;

/** What a line asks about its transports. */
export interface Choice {
  /** In this order; the next one starts where one has failed or is slow. */
  candidates(): readonly NewTransport[];
  /** One that would be better than `name`, which works; and in how many milliseconds it may be tried beside that. */
  better(name: TransportName | undefined): { readonly newTransport: NewTransport; readonly in_ms: number } | undefined;
  /** The better one is being tried. */
  trying(): void;
  /** Somebody was let in by it. */
  worked(name: TransportName | undefined): void;
  /** A session was lost without a word after so long. */
  broke(name: TransportName | undefined, lived_ms: number): void;
}

/** One transport and no other. */
export function only(newTransport: NewTransport): Choice {
  return {
    candidates: () => [newTransport],
    better: () => undefined,
    trying: () => {},
    worked: () => {},
    broke: () => {},
  };
}

const siblings = { stream, sse, poll } as const;

/** The one of this name at the address. undefined where there is none: no WebSocket class, or an address without HTTP doors. */
export function named(
  name: TransportName,
  url: string,
  subprotocol: string,
  webSocketClass: WebSocketClass | undefined,
): NewTransport | undefined {
  if (name !== "websocket") return overHttp(url, [siblings[name]]);
  return webSocketClass && (() => new WebSocketTransport(url, subprotocol, webSocketClass));
}

function overHttp(url: string, ways: readonly [Downstream, ...Downstream[]]): NewTransport | undefined {
  const address = httpAddress(url);
  return address && (() => new HttpTransport(address, ways));
}

/** A better one is looked for no more often. */
const again_ms = 600_000;
/** A WebSocket that is cut sooner, so often in a row, does not hold here. */
const brief_ms = 30_000;
const brief_max = 3;

/** A WebSocket, or where that does not work the best of the HTTP doors. */
export class Automatic implements Choice {
  #brief = 0;

  constructor(
    readonly url: string,
    readonly webSocket: NewTransport | undefined,
    /** Shared by the lines to one server. */
    readonly remembered: Remembered,
  ) {}

  candidates(): readonly NewTransport[] {
    const http = overHttp(this.url, this.#ways());
    const isHttpFirst = this.remembered.name !== undefined || this.#brief >= brief_max;
    if (!isHttpFirst) this.trying();
    const order = isHttpFirst ? [http, this.webSocket] : [this.webSocket, http];
    return order.filter((candidate) => candidate !== undefined);
  }

  /** Ways that were found held up are not tried again while that is remembered. */
  #ways(): readonly [Downstream, ...Downstream[]] {
    if (this.remembered.name === "poll") return [poll];
    if (this.remembered.name === "sse") return [sse, poll];
    return [stream, sse, poll];
  }

  better(name: TransportName | undefined): { readonly newTransport: NewTransport; readonly in_ms: number } | undefined {
    if (name === "websocket" || !this.webSocket) return undefined;
    const { tried_ms } = this.remembered;
    const in_ms = tried_ms === undefined ? 0 : Math.max(0, tried_ms + again_ms - Date.now());
    return { newTransport: this.webSocket, in_ms };
  }

  trying(): void {
    this.remembered.tried_ms = Date.now();
  }

  worked(name: TransportName | undefined): void {
    if (name !== "websocket") this.#brief = 0;
    this.remembered.keep(name === "websocket" ? undefined : name);
  }

  broke(name: TransportName | undefined, lived_ms: number): void {
    if (name === "websocket") this.#brief = lived_ms < brief_ms ? this.#brief + 1 : 0;
  }
}
