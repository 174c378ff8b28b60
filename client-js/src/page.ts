// The page around the client: its address, and when it comes back to life. All of it may be missing (Node).

/**
 * The WebSocket address: `ws:` and `wss:` as given, `http:` and `https:` turned into them, relative ones and none from the page's address.
 * @throws TypeError when it is no address, or relative where there is no page.
 */
export function socketUrl(url = "/objects"): string {
  const page = globalThis.location?.href;
  const parsed = page === undefined ? new URL(url) : new URL(url, page);
  if (parsed.protocol === "http:") parsed.protocol = "ws:";
  if (parsed.protocol === "https:") parsed.protocol = "wss:";
  if (parsed.protocol !== "ws:" && parsed.protocol !== "wss:") throw new TypeError(`${url} is no address of a server`);
  parsed.hash = "";
  return parsed.href;
}

/** The relay's address beside the objects': its last segment `objects` becomes `relay`. undefined if it has none. */
export function relayUrl(objects: string): string | undefined {
  const relay = objects.replace(/(^|\/)objects(?=$|\?)/, "$1relay");
  return relay === objects ? undefined : relay;
}

/** Where the doors over HTTP are: `base` ends in a slash, `door` is the one to be opened. */
export interface HttpAddress {
  readonly base: string;
  readonly door: "objects" | "relay";
  readonly query: string;
}

/** The HTTP doors beside a WebSocket's address, if that has the usual form. */
export function httpAddress(socket: string): HttpAddress | undefined {
  const [, base, door, query = ""] = /^ws(s?:[^?]*\/)(objects|relay)(\?.*)?$/.exec(socket) ?? [];
  if (base === undefined || (door !== "objects" && door !== "relay")) return undefined;
  return { base: `http${base}`, door, query };
}

/** Calls `leave` when the page goes, perhaps to come back. Returns what ends it. */
export function onLeave(leave: () => void): () => void {
  if (typeof globalThis.addEventListener !== "function") return () => {};
  globalThis.addEventListener("pagehide", leave);
  return () => globalThis.removeEventListener("pagehide", leave);
}

/** Calls `awake` when the network is back or the page is looked at again. Returns what ends it. */
export function onAwake(awake: () => void): () => void {
  const window = typeof globalThis.addEventListener === "function" ? globalThis : undefined;
  const document = globalThis.document;
  const shown = () => {
    if (document?.visibilityState === "visible") awake();
  };
  window?.addEventListener("online", awake);
  document?.addEventListener("visibilitychange", shown);
  return () => {
    window?.removeEventListener("online", awake);
    document?.removeEventListener("visibilitychange", shown);
  };
}
