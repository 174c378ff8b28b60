// Group chat in one object: `topic`, `log` (the server stamps who and when), and a status slot per person.
import { connect } from "/slotcast.js";
import { byId } from "../element.js";
import { forgetName, ownName } from "../name.js";
import { guestName, ownTransport, segment, showState } from "../visitor.js";
import { messages } from "./messages.js";
import { people } from "./people.js";
import { topic } from "./topic.js";

const name = segment("room", "lobby");
const me = await ownName();
const slotcast = connect("/objects", { user: me, transport: ownTransport });
const room = slotcast.object(`chat/${name}`);

byId("object").textContent = `chat/${name}`;
byId("second").href = `?room=${name}&user=${guestName()}`;
byId("rename").addEventListener("click", forgetName);
showState(slotcast, byId("state"));
slotcast.on("state", () => document.body.classList.toggle("cut", slotcast.state !== "live"));

topic(room);
const { typing } = people(room, slotcast, me);
const { say } = messages(room, me, { arrived });

const [composer, text] = [byId("composer"), byId("text")];
composer.addEventListener("submit", (event) => {
  event.preventDefault();
  if (text.value.trim()) say(text.value.trim());
  text.value = "";
  typing(false);
  text.focus();
});
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  composer.requestSubmit();
});
text.addEventListener("input", () => typing(text.value.trim() !== ""));
if (matchMedia("(pointer: fine)").matches) text.focus();

// The tab's title counts what was said while it was out of sight.
let unread = 0;
function arrived(count) {
  if (document.hidden) title(unread + count);
}
function title(count) {
  unread = count;
  document.title = `${unread ? `(${unread}) ` : ""}${name} · Slotcast`;
}
document.addEventListener("visibilitychange", () => document.hidden || title(0));
title(0);
