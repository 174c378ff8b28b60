// The laser pointer and the applause: sends. Everyone who is here gets them in order; nobody gets them later.
import { byId, element } from "../element.js";
import { hue } from "../visitor.js";

const gap_ms = 34; // at most 30 a second
const fade_ms = 1200;
const marks_max = 60;

/** `mayPoint` says whether this visitor is the speaker. */
export function pointer(deck, stage, mayPoint) {
  const [dot, button] = [byId("dot"), byId("laser")];
  let held = false; // the mouse button, or the key L
  let on = false; // the button on the page, for fingers
  let sent_at = 0;
  let last;
  let fade;

  deck.onSend("pointer", ({ value }) => show(value));
  stage.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button === 0) held = true;
    move(event);
  });
  stage.addEventListener("pointermove", move);
  addEventListener("pointerup", () => stop());
  addEventListener("keydown", (event) => {
    if (event.key !== "l" || event.repeat || event.target.matches("input, textarea")) return;
    held = true;
    if (last) tell(last);
  });
  addEventListener("keyup", (event) => event.key === "l" && stop());
  button.addEventListener("click", () => {
    on = !on;
    button.ariaPressed = String(on);
    if (!on) stop();
  });

  function move(event) {
    const box = stage.getBoundingClientRect();
    last = { x: share(event.clientX - box.left, box.width), y: share(event.clientY - box.top, box.height) };
    if (held || on) tell(last);
  }

  function tell(place) {
    if (!mayPoint() || deck.state !== "live" || performance.now() - sent_at < gap_ms) return;
    sent_at = performance.now();
    deck.send("pointer", place).catch(() => {});
  }

  function stop() {
    if (held && mayPoint() && deck.state === "live") deck.send("pointer", null).catch(() => {});
    held = false;
  }

  function show(place) {
    clearTimeout(fade);
    dot.hidden = !Number.isFinite(place?.x) || !Number.isFinite(place?.y);
    if (dot.hidden) return;
    dot.style.left = `${place.x * 100}%`;
    dot.style.top = `${place.y * 100}%`;
    fade = setTimeout(() => show(null), fade_ms);
  }

  return { pointing: () => held || on };
}

const share = (part, whole) => Math.round(Math.min(1, Math.max(0, part / whole)) * 10_000) / 10_000;

export function applause(deck) {
  const [marks, clap] = [byId("marks"), byId("clap")];
  deck.onSend("applause", ({ by }) => rise(by));
  clap.addEventListener("click", () => {
    if (deck.state !== "live") return; // late applause is none
    deck.send("applause", true).catch(() => {});
    clap.disabled = true; // five a second are applause enough
    setTimeout(() => {
      clap.disabled = false;
    }, 200);
  });

  function rise(by) {
    if (marks.childElementCount >= marks_max) return;
    const mark = element("i", { className: "mark-of-applause" });
    mark.style.setProperty("--hue", hue(by));
    mark.style.setProperty("--from", Math.random());
    mark.style.setProperty("--sway", Math.random() * 2 - 1);
    mark.addEventListener("animationend", () => mark.remove());
    marks.append(mark);
  }
}
