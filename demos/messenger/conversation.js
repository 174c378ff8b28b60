// The open conversation: bubbles with how far each has come, what is being typed, and what can be done about the friend.
import { byId, element, place } from "../element.js";
import { progress } from "./kept.js";
import { nameOf, signed } from "./people.js";
import { dayOf, statusOf, timeOf, why } from "./words.js";

const ticks = { stored: ["✓", "Sent"], delivered: ["✓✓", "Delivered"], read: ["✓✓", "Read"] };

export function conversation({ slotcast, kept, typists, edit }) {
  const { friends } = slotcast;
  const [scroller, composer, text, menu] = ["scroller", "composer", "text", "menu"].map(byId);
  const lines = new WeakMap();
  const drafts = new Map();
  let friend; // who is in view

  composer.addEventListener("submit", (event) => {
    event.preventDefault();
    if (text.value.trim()) say(text.value.trim());
    text.value = "";
    text.focus();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    composer.requestSubmit();
  });
  text.addEventListener("input", () => typists.tell(friend, text.value.trim() !== ""));
  new ResizeObserver(() => isAtEnd && toEnd()).observe(scroller);
  let isAtEnd = true;
  scroller.addEventListener("scroll", () => (isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60));

  offer("ask-again", () => friends.ask(friend));
  offer("remove", () => friends.remove(friend), () => (location.hash = ""));
  offer("block", () => friends.block(friend));
  offer("unblock", () => friends.unblock(friend));

  function offer(id, change, then) {
    byId(id).addEventListener("click", () => {
      const about = friend;
      menu.hidePopover();
      edit(change(), (reason) => why(reason, about));
      then?.();
    });
  }

  function draw(opened) {
    byId("nobody").hidden = opened !== undefined;
    byId("conversation").hidden = opened === undefined;
    if (opened !== friend) turnTo(opened);
    if (friend === undefined) return;
    drawFriend();
    drawMessages();
    if (isAtEnd) toEnd();
  }

  function turnTo(opened) {
    if (friend !== undefined) drafts.set(friend, text.value);
    friend = opened;
    text.value = drafts.get(friend) ?? "";
    isAtEnd = true;
    if (friend !== undefined && matchMedia("(pointer: fine)").matches) text.focus();
  }

  function drawFriend() {
    const listed = friends.get(friend);
    const isBlocked = friends.blocked().includes(friend);
    byId("friend").textContent = nameOf(friends, friend);
    byId("friend-avatar").replaceChildren(signed(friend, isBlocked ? undefined : listed));
    write(byId("friend-status"), isBlocked ? "Blocked" : statusOf(listed));
    write(byId("typing"), typists.is(friend) ? `${nameOf(friends, friend)} is typing` : "");
    byId("ask-again").hidden = isBlocked || listed?.asked || listed?.sub === "both" || listed?.sub === "to";
    byId("remove").hidden = !listed;
    byId("block").hidden = isBlocked;
    composer.hidden = isBlocked;
    byId("blocked-note").hidden = !isBlocked;
    byId("blocked-words").textContent = `You have blocked ${friend}: neither hears from the other.`;
  }

  function drawMessages() {
    const known = kept.of(friend);
    byId("empty").hidden = known.messages.length > 0;
    place(byId("log"), known.messages.map((message, at) => drawn(message, known, known.messages[at - 1])));
  }

  function drawn(message, known, before) {
    if (!lines.has(message)) lines.set(message, line(message));
    const { made, time, tick, foot } = lines.get(message);
    const day = dayOf(message.time);
    if (before && dayOf(before.time) === day) delete made.dataset.day;
    else made.dataset.day = day;
    made.classList.toggle("again", before !== undefined && Boolean(before.mine) === Boolean(message.mine));
    time.textContent = timeOf(message.time);
    time.dateTime = new Date(message.time).toISOString();
    if (message.mine) drawProgress(made, tick, foot, message, progress(message, known));
    return made;
  }

  function line(message) {
    const [time, tick, foot] = [element("time"), element("span", { className: "tick" }), element("p", { className: "foot" })];
    const bubble = element("p", { className: "text" }, element("span", { className: "words" }, message.text), element("span", { className: "meta" }, time, tick));
    const made = element("li", { className: message.mine ? "mine" : "" }, bubble, foot);
    return { made, time, tick, foot };
  }

  function drawProgress(made, tick, foot, message, state) {
    if (made.dataset.progress === state) return;
    made.dataset.progress = state;
    made.classList.toggle("waits", state === "waits");
    made.classList.toggle("failed", state === "failed");
    const [sign, word] = ticks[state] ?? [];
    tick.replaceChildren(...(sign ? [element("i", { "aria-hidden": "true", title: word }, sign), element("span", { className: "unseen" }, word)] : []));
    foot.replaceChildren(...(state === "failed" ? failure(message) : []));
  }

  function failure(message) {
    const about = friend;
    const again = () => (kept.drop(about, message), say(message.text, about));
    const button = (words, onclick) => element("button", { type: "button", onclick }, words);
    return [`Not sent: ${message.failed} `, button("Try again", again), button("Discard", () => kept.drop(about, message))];
  }

  /** In view at once; waits until there is a connection, and for the server's answer. */
  function say(words, to = friend) {
    const message = kept.write(to, words, Date.now());
    isAtEnd = true;
    typists.tell(to, false);
    slotcast.person(to).tell(words).then(
      (told) => kept.stored(to, message, told),
      (reason) => kept.refused(to, message, why(reason, to, friends.get(to))),
    );
  }

  function toEnd() {
    scroller.scrollTop = scroller.scrollHeight;
  }

  return { draw };
}

/** Not again what is there: it would be read aloud again. */
function write(place, words) {
  if (place.textContent !== words) place.textContent = words;
}
