// Who the visitor is, and the badge that says whether the page is live.
export const query = new URLSearchParams(location.search);

/** A part of an object's name from the address (`?room=tea`), or `otherwise` if it would not be a good name. */
export function segment(parameter, otherwise) {
  const asked = query.get(parameter) ?? "";
  return /^[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,59}$/.test(asked) ? asked : otherwise;
}

/** The name to go by: `?user=ada`, else the one chosen on a page that asks, else nothing. */
export const chosenName = () => [query.get("user"), localStorage.getItem("name")].find((name) => /^[^@*\s][^*\p{Cc}]{0,23}$/u.test(name ?? ""));

/** A name for someone who has not chosen one; it lasts as long as the tab. */
export function guestName() {
  const name = sessionStorage.getItem("guest") ?? `guest-${Math.random().toString(36).slice(2, 6)}`;
  sessionStorage.setItem("guest", name);
  return name;
}

/** The name of this device: `?device=phone`, else one that this browser keeps. */
export function ownDevice() {
  const name = segment("device", localStorage.getItem("device") ?? `browser-${Math.random().toString(36).slice(2, 6)}`);
  if (!query.has("device")) localStorage.setItem("device", name);
  return name;
}

/** How the server is to be reached: `?transport=poll` shows what a network that breaks WebSockets leaves. */
export const ownTransport = ["websocket", "stream", "sse", "poll"].find((name) => name === query.get("transport"));

/** Everyone has a hue, the same on every page. */
export function hue(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)) % 360;
  return sum;
}

const words = { connecting: "Connecting", reconnecting: "Reconnecting", live: "Live", offline: "Offline", closed: "Closed" };

/** Keeps `badge` in step with the connection. A first attempt is "connecting", every later one "reconnecting". */
export function showState(slotcast, badge) {
  let wasLive = false;
  const show = () => {
    const again = wasLive && slotcast.state !== "closed" && slotcast.state !== "live";
    wasLive ||= slotcast.state === "live";
    const state = again ? (navigator.onLine ? "reconnecting" : "offline") : slotcast.state;
    badge.dataset.state = state;
    badge.textContent = words[state] ?? state;
    badge.title = slotcast.transport ? `by ${slotcast.transport}` : "";
  };
  slotcast.on("state", show);
  slotcast.on("transport", show);
  addEventListener("online", show);
  addEventListener("offline", show);
  show();
}
