// Slide control in one object: `slide`, `step`, and `speaker`, who holds the floor as long as the connection lasts.
import { connect } from "/slotcast.js";
import { byId } from "../element.js";
import { chosenName, guestName, ownTransport, segment, showState } from "../visitor.js";
import { draw } from "./draw.js";
import { applause, pointer } from "./pointer.js";
import { lastStep, slides } from "./slides.js";

const name = segment("deck", "demo");
const me = chosenName() ?? guestName();
const slotcast = connect("/objects", { user: me, transport: ownTransport });
const deck = slotcast.object(`slides/${name}`);
const [stage, place] = [byId("stage"), byId("slide")];

byId("object").textContent = `slides/${name}`;
showState(slotcast, byId("state"));
deck.setStatus({ watching: true }).catch(() => {});
applause(deck);
const { pointing } = pointer(deck, stage, speaking);

let own; // where I look on my own; undefined while I follow
let drawn = "";

function speaking() {
  return deck.get("speaker") === me;
}

/** The deck's place, whatever anyone may have written there. */
function shared() {
  const slide = within(deck.get("slide"), slides.length - 1);
  return { slide, step: within(deck.get("step"), lastStep(slides[slide])) };
}

const within = (number, last) => (Number.isInteger(number) ? Math.min(Math.max(number, 0), last) : 0);

function show() {
  if (speaking()) own = undefined;
  const { slide, step } = own ?? shared();
  byId("notes").textContent = slides[slide].notes;
  byId("count").textContent = `${slide + 1} / ${slides.length}`;
  if (drawn !== `${slide}.${step}`) draw(place, slides[slide], step);
  drawn = `${slide}.${step}`;
  floor();
}

function floor() {
  const speaker = deck.get("speaker");
  byId("floor").textContent = speaking() ? "You have the floor" : speaker ? `${speaker} speaks` : "The floor is free";
  byId("take").hidden = speaker !== undefined;
  byId("leave").hidden = byId("laser").hidden = !speaking();
  byId("follow").hidden = own === undefined || speaker === undefined;
  const watching = deck.statuses().size;
  byId("watching").textContent = own ? "You look around on your own" : watching === 1 ? "Only you are here" : `${watching} people are here`;
  document.body.classList.toggle("speaks", speaking());
}

/** One step on or back: the speaker moves everyone, anyone else only their own view. */
function turn(by) {
  const { slide, step } = own ?? shared();
  let next = { slide, step: step + by };
  if (next.step < 0) next = slide > 0 ? { slide: slide - 1, step: lastStep(slides[slide - 1]) } : { slide, step };
  if (next.step > lastStep(slides[slide])) next = slide < slides.length - 1 ? { slide: slide + 1, step: 0 } : { slide, step };
  if (!speaking()) own = next;
  else deck.batch(() => {
    deck.set("slide", next.slide);
    deck.set("step", next.step);
  }).catch((reason) => say(`Not turned: ${reason.what ?? reason.message}`));
  show();
}

/** The first to ask gets the floor. It is tied to the session: a cut frees it, and the client asks again when it is back. */
async function take() {
  own = undefined;
  try {
    await deck.once("speaker", me, { tie: true });
  } catch (reason) {
    const winner = reason.winners?.[0];
    if (winner?.value !== me) say(winner ? `${winner.value} was first` : `Not now: ${reason.what ?? reason.message}`);
  }
  show();
}

async function leave() {
  await deck.delete("speaker").catch((reason) => say(`Not left: ${reason.what ?? reason.message}`));
  show();
}

let saying;
function say(text) {
  clearTimeout(saying);
  byId("watching").textContent = text;
  saying = setTimeout(show, 4000);
}

deck.on("sync", show);
deck.on("reject", show);
show();

byId("take").addEventListener("click", take);
byId("leave").addEventListener("click", leave);
byId("back").addEventListener("click", () => turn(-1));
byId("next").addEventListener("click", () => turn(1));
byId("follow").addEventListener("click", () => {
  own = undefined;
  show();
});
byId("full").addEventListener("click", full);

function full() {
  if (document.fullscreenElement) document.exitFullscreen();
  else byId("hall").requestFullscreen?.();
}

const keys = { ArrowRight: () => turn(1), PageDown: () => turn(1), " ": () => turn(1), ArrowLeft: () => turn(-1), PageUp: () => turn(-1), f: full, a: () => byId("clap").click() };
addEventListener("keydown", (event) => {
  const onButton = event.key === " " && event.target.matches("button, a");
  if (!keys[event.key] || onButton || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  keys[event.key]();
});

let touched;
stage.addEventListener("touchstart", (event) => {
  touched = event.touches.length === 1 ? event.touches[0].clientX : undefined;
}, { passive: true });
stage.addEventListener("touchend", (event) => {
  const moved = event.changedTouches[0].clientX - (touched ?? Number.NaN);
  if (Math.abs(moved) > 40 && !pointing()) turn(moved < 0 ? 1 : -1);
});
