// The front page: a board of lamps, each a slot of the object `board/home`, and who is here.
import { connect } from "/slotcast.js";
import { byId, element } from "./element.js";
import { chosenName, guestName, hue, ownTransport, showState } from "./visitor.js";

const me = chosenName() ?? guestName();
const slotcast = connect("/objects", { user: me, transport: ownTransport });
const board = slotcast.object("board/home");
showState(slotcast, byId("state"));
board.setStatus({ here: true }).catch(say);

const lamps = Array.from({ length: 24 }, (_, number) => {
  const lamp = element("button", { type: "button", className: "lamp", "aria-pressed": "false" });
  lamp.addEventListener("click", () => turn(`lamp.${number}`));
  return lamp;
});
byId("lamps").append(...lamps);

/** A lit lamp holds the name of who lit it; nothing there is a dark one. */
function turn(slot) {
  const written = board.get(slot) === undefined ? board.set(slot, me) : board.delete(slot);
  written.catch(say);
  draw();
}

function draw() {
  lamps.forEach((lamp, number) => {
    const by = board.get(`lamp.${number}`);
    const lit = typeof by === "string";
    lamp.ariaPressed = String(lit);
    lamp.ariaLabel = lit ? `Lamp ${number + 1}, lit by ${by}` : `Lamp ${number + 1}`;
    lamp.style.setProperty("--hue", lit ? hue(by) : 0);
  });
  const people = board.statuses().size;
  const here = people === 1 ? "1 person here" : `${people} people here`;
  if (byId("here").textContent !== here) byId("here").textContent = here;
}

function say(reason) {
  const winner = reason.winners?.[0];
  byId("said").textContent = winner ? `${winner.by || "Someone"} was first with that lamp.` : `Not accepted: ${reason.what ?? reason.message}`;
}

board.on("sync", draw);
board.on("reject", draw);
draw();
