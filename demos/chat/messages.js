// The conversation: what the server has stamped, then what of mine still waits.
import { avatar } from "../avatar.js";
import { byId, element } from "../element.js";

const group_ms = 5 * 60_000;
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

export function messages(room, me, { arrived }) {
  const [log, pending, scroller, pill, empty] = ["log", "pending", "scroller", "pill", "empty"].map(byId);
  const shown = new Map();
  let waiting = [];
  let loaded = false;
  let below = 0; // messages that came while the reader was further up

  room.on("sync", draw);
  scroller.addEventListener("scroll", () => atEnd() && unmark());
  pill.addEventListener("click", toEnd);
  new ResizeObserver(() => below === 0 && toEnd()).observe(scroller);

  /** Draws only what is new, so that a screen reader says only that. Entries without a version are my own, not yet stamped. */
  function draw() {
    const stay = atEnd();
    const entries = keyed((room.get("log") ?? []).filter((entry) => entry?.v > 0));
    for (const [key, line] of shown) {
      if (entries.has(key)) continue;
      line.remove();
      shown.delete(key);
    }
    let previous;
    let fresh = 0;
    for (const [key, entry] of entries) {
      if (!shown.has(key)) {
        shown.set(key, said(entry, previous));
        log.append(shown.get(key));
        if (loaded && entry.by !== me) fresh += 1;
      }
      previous = entry;
    }
    settle();
    empty.hidden = entries.size > 0 || waiting.length > 0;
    if (!loaded) log.ariaBusy = "false";
    if (fresh) arrived(fresh);
    if (stay || !loaded) toEnd();
    else if (fresh) mark(fresh);
    loaded = true;
  }

  /** Entries by a key that is theirs alone: two in one write share time and version. */
  function keyed(entries) {
    const found = new Map();
    for (const entry of entries) {
      let twin = 0;
      while (found.has(`${entry.at}.${entry.v}.${twin}`)) twin += 1;
      found.set(`${entry.at}.${entry.v}.${twin}`, entry);
    }
    return found;
  }

  function said({ by, at, item }, previous) {
    const time = element("time", { dateTime: new Date(at).toISOString(), title: new Date(at).toLocaleString() }, clock.format(at));
    const line = element("li", {}, element("p", { className: "who" }, by === me ? "" : `${by} `, time));
    line.append(element("p", { className: "text" }, String(item?.text ?? "")));
    if (by === me) line.classList.add("mine");
    else line.prepend(avatar(by));
    if (previous?.by === by && at - previous.at < group_ms) line.classList.add("again");
    return line;
  }

  /** Says it now, or as soon as there is a connection. The text stays in view until the server has stamped it. */
  function say(text) {
    const foot = element("p", { className: "foot" });
    const line = element("li", { className: "mine waits" }, element("p", { className: "text" }, text), foot);
    const message = { text, line, foot, version: undefined, epoch: undefined };
    waiting.push(message);
    pending.append(line);
    empty.hidden = true;
    toEnd();
    room.append("log", { text }).then(
      ({ version }) => {
        Object.assign(message, { version, epoch: room.epoch });
        draw();
      },
      (reason) => refuse(message, reason),
    );
  }

  /** The server's answer comes just before the entry itself: the line waits till the copy has got so far, or has died. */
  function settle() {
    const isThere = ({ version, epoch }) => version !== undefined && (version <= room.version || epoch !== room.epoch);
    for (const { line } of waiting.filter(isThere)) line.remove();
    waiting = waiting.filter((message) => !isThere(message));
  }

  function refuse(message, reason) {
    const drop = () => {
      message.line.remove();
      waiting = waiting.filter((other) => other !== message);
      draw();
    };
    const again = element("button", { type: "button", onclick: () => (drop(), say(message.text)) }, "Try again");
    const discard = element("button", { type: "button", onclick: drop }, "Discard");
    message.line.className = "mine failed";
    message.foot.replaceChildren(`Not sent: ${reason.what ?? reason.message} `, again, discard);
  }

  function atEnd() {
    return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
  }

  function toEnd() {
    scroller.scrollTop = scroller.scrollHeight;
    unmark();
  }

  function mark(fresh) {
    below += fresh;
    pill.textContent = below === 1 ? "1 new message" : `${below} new messages`;
    pill.hidden = false;
  }

  function unmark() {
    below = 0;
    pill.hidden = true;
  }

  return { say };
}
