// The messenger: friends and how they are, and a conversation with each. What the server tells is kept, then everything is drawn from that.
import { connect } from "/slotcast.js";
import { byId } from "../element.js";
import { forgetName, ownName } from "../name.js";
import { guestName, ownDevice, ownTransport, query, showState } from "../visitor.js";
import { conversation } from "./conversation.js";
import { keepConversations } from "./kept.js";
import { ownStatus } from "./own.js";
import { people } from "./people.js";
import { typing } from "./typing.js";

const me = await ownName();
const device = ownDevice();
const slotcast = connect("/objects", { user: me, device, transport: ownTransport });
const { inbox, friends } = slotcast;
const kept = keepConversations(me, device, { changed: drawSoon, failed: say });
const own = ownStatus(slotcast, me, device);
const typists = typing(slotcast, drawSoon);
const view = { slotcast, me, kept, typists, say, edit };
const list = people(view);
const open = conversation(view);

inbox.on("message", (message) => {
  typists.end(message.from);
  kept.receive(message);
});
inbox.on("copy", kept.copy);
inbox.on("receipt", kept.receipt);
inbox.on("seen", kept.seen);
inbox.on("missed", () => say("This device was away for so long that some messages are gone."));
inbox.on("state", () => document.body.classList.toggle("cut", inbox.state !== "live"));
friends.on("change", drawSoon);
friends.ready.then(drawSoon, () => {});
addEventListener("hashchange", drawSoon);
document.addEventListener("visibilitychange", drawSoon);

byId("device").textContent = `${me} on ${device}`;
byId("else").href = `?user=${guestName()}`;
byId("second").href = `?${new URLSearchParams({ user: me, device: query.get("device") === "phone" ? "desk" : "phone" })}`;
byId("rename").addEventListener("click", forgetName);
byId("elsewhere").addEventListener("close", () => location.reload());
slotcast.on("error", ({ code }) => code === "replaced" && byId("elsewhere").showModal());
showState(inbox, byId("state"));

/** Who is looked at: the address says so (`#with=bob`), so that "back" leads back to the list. */
function opened() {
  const friend = new URLSearchParams(location.hash.slice(1)).get("with") ?? "";
  return /^[^@*\p{Cc}][^*\p{Cc}]{0,63}$/u.test(friend) ? friend : undefined;
}

let isDrawing = false;
function drawSoon() {
  if (!isDrawing) queueMicrotask(draw);
  isDrawing = true;
}

function draw() {
  isDrawing = false;
  const friend = opened();
  document.body.classList.toggle("open", friend !== undefined);
  if (friend && !document.hidden) read(friend);
  own.draw();
  list.draw(friend);
  open.draw(friend);
  const unread = kept.everyone().reduce((sum, id) => sum + kept.unread(id), 0);
  document.title = `${unread ? `(${unread}) ` : ""}${friend ?? "Messenger"} · Slotcast`;
}

/** What is in view is read: the friend is told, and so are my other devices. */
function read(friend) {
  const seq = kept.markRead(friend);
  if (seq !== undefined) slotcast.person(friend).read(seq);
}

/** A word to the user, above the list; none takes away the last one. */
function say(words) {
  byId("note").textContent = words;
  byId("note").hidden = words === "";
}

/** What was asked of my list: waits as long as there is no connection, and says why it was refused. */
function edit(edited, refusal) {
  say(inbox.state === "live" ? "" : "No connection. This is done as soon as there is one.");
  edited.then(() => say(""), (reason) => say(refusal(reason)));
}

drawSoon();
