// Words: how a friend is, when something was, and why something was refused.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

export const timeOf = (time) => clock.format(time);
export const dayOf = (time) => (isToday(time) ? "Today" : day.format(time));
const isToday = (time) => new Date(time).toDateString() === new Date().toDateString();

export const states = { online: "Online", away: "Away", busy: "Busy", offline: "Offline", invisible: "Invisible" };

/** `friend` as on the list; undefined: is not there. */
export function statusOf(friend) {
  if (!friend) return "Not on your list";
  if (friend.asked) return "Asked, no answer yet";
  if (!isSeen(friend)) return "Does not share with you";
  const { state, body, since } = friend.status;
  if (state === "offline" && since !== undefined) return `Last seen ${isToday(since) ? timeOf(since) : short.format(since)}`;
  return typeof body === "string" && body ? `${states[state]} · ${body}` : states[state];
}

export const isSeen = (friend) => friend?.sub === "to" || friend?.sub === "both";

/** Why `friend` was not told, or the list not changed; `listed`: as on the list. */
export function why({ code, what, message }, friend, listed) {
  switch (code) {
    case "not_permitted":
      return listed?.asked ? `${friend} has not accepted yet.` : `${friend} does not take messages from you.`;
    case "unknown_user":
      return `There is nobody called ${friend}.`;
    case "inbox_full":
      return `${friend} has been away for long, and the inbox has no room for more.`;
    case "too_fast":
      return "That was too much at once. Try again in a moment.";
    case "too_large":
      return "That is too long.";
    case "queue_full":
      return "Too much waits for the connection already.";
    case "storage_full":
      return "The server has no room at the moment. Try again later.";
    case "lost":
    case "replaced":
    case "released":
      return "The page was closed before there was an answer: it is there once, or not at all.";
    case "no_request":
      return `${friend} does not ask any more.`;
    case "bad_name":
      return "That cannot be a name.";
    default:
      return `That did not work: ${what ?? message}`;
  }
}
