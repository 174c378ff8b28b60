// The list: who would like to be a friend, who is one and how they are, what they wrote that is unread, and who is blocked.
import { avatar } from "../avatar.js";
import { byId, element, place } from "../element.js";
import { isSeen, statusOf, states, why } from "./words.js";

export function people({ slotcast, me, kept, typists, say, edit }) {
  const { friends } = slotcast;
  const [add, name] = [byId("add"), byId("add-name")];
  let isLoaded = false;
  friends.ready.then(() => (isLoaded = true), () => {});

  add.addEventListener("submit", (event) => {
    event.preventDefault();
    const id = name.value.trim().normalize("NFC");
    if (id === me) return say("That is you.");
    if (friends.blocked().includes(id)) return say(`You have blocked ${id}. Unblock first.`);
    edit(friends.ask(id), (reason) => why(reason, id));
    name.value = "";
  });

  const named = (id, ...buttons) => element("li", {}, avatar(id), element("span", { className: "name" }, id), ...buttons);
  const request = once((id) => named(id, button(id, "Accept", "strong", () => friends.accept(id)), button(id, "Decline", "", () => friends.decline(id))));
  const blocked = once((id) => named(id, button(id, "Unblock", "", () => friends.unblock(id))));
  const row = once((id) => element("li", {}, element("a", { href: `#${new URLSearchParams({ with: id })}` })));

  function button(id, words, className, change) {
    const onclick = () => edit(change(), (reason) => why(reason, id));
    return element("button", { type: "button", className, "aria-label": `${words} ${id}`, onclick }, words);
  }

  function draw(opened) {
    const [asking, shut, listed] = [friends.requests(), friends.blocked(), shown()];
    byId("requests-part").hidden = asking.length === 0;
    place(byId("requests"), asking.map(request));
    byId("blocked-part").hidden = shut.length === 0;
    byId("blocked-title").textContent = `Blocked (${shut.length})`;
    place(byId("blocked"), shut.map(blocked));
    byId("lonely").hidden = listed.length > 0 || shut.length > 0;
    if (isLoaded) byId("lonely").textContent = "Nobody yet. Add someone by name: once they accept, you see how they are, and can write.";
    place(byId("friends"), listed.map((id) => drawn(id, opened)));
  }

  /** Who is there first, then by name. Someone who is not on the list, and wrote before, is shown until it is read. */
  function shown() {
    const onList = friends.list().map(({ id }) => id);
    const others = kept.everyone().filter((id) => kept.unread(id) > 0 && !friends.get(id));
    const isAway = (id) => slotcast.person(id).status.state === "offline";
    return [...onList, ...others].filter((id) => !friends.blocked().includes(id)).sort((left, right) => isAway(left) - isAway(right));
  }

  function drawn(id, opened) {
    const line = row(id);
    const unread = kept.unread(id);
    const about = element("span", { className: "about" }, element("span", { className: "name" }, nameOf(friends, id)), how(friends.get(id), typists.is(id)));
    const count = element("b", { className: "count", hidden: unread === 0 }, `${unread}`, element("span", { className: "unseen" }, " unread"));
    line.firstChild.replaceChildren(signed(id, friends.get(id)), about, count);
    line.firstChild.ariaCurrent = id === opened ? "page" : null;
    return line;
  }

  return { draw };
}

/** What they are called here. */
export const nameOf = (friends, id) => friends.get(id)?.alias ?? id;

/** The avatar with a dot for how they are. */
export const signed = (id, friend) => dotted(id, isSeen(friend) ? friend.status.state : "unknown");

export function dotted(id, state) {
  const dot = element("i", { className: "dot", "data-state": state, title: states[state] ?? "" });
  return element("span", { className: "signed" }, avatar(id), dot);
}

const how = (friend, isTyping) => element("small", { className: isTyping ? "dots" : "" }, isTyping ? "typing" : statusOf(friend));

/** One element for each id, made when it is first needed, so that it keeps the focus when it moves. */
function once(make) {
  const made = new Map();
  return (id) => made.get(id) ?? made.set(id, make(id)).get(id);
}
