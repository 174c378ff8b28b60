// What this device keeps of its conversations. An inbox hands each message to a device once, so a page that wants to show it after a reload keeps it:
// in localStorage, which has it before the call returns; of each friend the newest, so that it stays small.
import { why } from "./words.js";

const messages_max = 200;

/** A message is `{ text, time }`; with `seq` and `unread` if the friend wrote it, else `mine`: with `at` once it is stored, or `failed`. */
export function keepConversations(user, device, { changed, failed }) {
  const place = `messenger/${encodeURIComponent(user)}/${device}/`;
  const conversations = new Map();
  for (const key of Object.keys(localStorage)) if (key.startsWith(place)) load(key);

  function load(key) {
    const conversation = JSON.parse(localStorage.getItem(key));
    const friend = decodeURIComponent(key.slice(place.length));
    for (const message of conversation.messages.filter(isWaiting)) message.failed = why({ code: "lost" }, friend);
    conversations.set(friend, conversation);
  }

  /** `delivered` and `read` count in the friend's inbox, as `at` does. */
  function of(friend) {
    if (!conversations.has(friend)) conversations.set(friend, { messages: [], delivered: 0, read: 0 });
    return conversations.get(friend);
  }

  function keep(friend) {
    const conversation = of(friend);
    conversation.messages = conversation.messages.sort(byTime).slice(-messages_max);
    try {
      localStorage.setItem(place + encodeURIComponent(friend), JSON.stringify(conversation));
    } catch {
      failed("This browser has no room to keep more: what comes now is gone with the page.");
    }
    changed();
  }

  function add(friend, message) {
    of(friend).messages.push(message);
    keep(friend);
    return message;
  }

  function change(friend, message, news) {
    Object.assign(message, news);
    keep(friend);
  }

  function clear(friend, isRead) {
    const read = of(friend).messages.filter((message) => message.unread && isRead(message));
    for (const message of read) message.unread = false;
    if (read.length > 0) keep(friend);
    return read.at(-1)?.seq;
  }

  return {
    of,
    everyone: () => [...conversations.keys()],
    unread: (friend) => (conversations.get(friend)?.messages ?? []).filter(({ unread }) => unread).length,

    // ---- what the inbox tells
    receive: ({ from, body, time, seq }) => add(from, { text: textOf(body), time, seq, unread: true }),
    copy: ({ to, body, time, at }) => add(to, { text: textOf(body), time, at, mine: true }),
    receipt({ user, delivered, read }) {
      Object.assign(of(user), { delivered, read });
      keep(user);
    },
    seen: ({ user, read }) => clear(user, ({ seq }) => seq <= read),

    // ---- what is done here
    write: (friend, text, time) => add(friend, { text, time, mine: true }),
    stored: (friend, message, { at, time }) => change(friend, message, { at, time }),
    refused: (friend, message, words) => change(friend, message, { failed: words }),
    drop(friend, message) {
      of(friend).messages = of(friend).messages.filter((other) => other !== message);
      keep(friend);
    },
    /** Gives how far that is in my inbox; undefined: nothing was unread. */
    markRead: (friend) => clear(friend, () => true),
  };
}

export const isWaiting = ({ mine, at, failed }) => Boolean(mine) && at === undefined && failed === undefined;

/** How far a message of mine has come: `waits`, `failed`, `stored`, `delivered`, `read`. */
export function progress(message, { delivered, read }) {
  if (message.at === undefined) return isWaiting(message) ? "waits" : "failed";
  if (message.at <= read) return "read";
  return message.at <= delivered ? "delivered" : "stored";
}

/** By the server's clock; what is not stored comes last, as it was written. */
function byTime(left, right) {
  const [first, second] = [left, right].map(({ mine, at, time }) => (mine && at === undefined ? Infinity : time));
  return first - second || 0;
}

/** Other clients may send what is no text. */
const textOf = (body) => (typeof body === "object" ? "(not a text)" : String(body));
