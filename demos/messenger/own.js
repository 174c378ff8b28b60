// How I say that I am; others see what comes of all my devices.
import { byId } from "../element.js";
import { dotted } from "./people.js";
import { states } from "./words.js";

export function ownStatus(slotcast, me, device) {
  const [form, state, words, shown] = ["own", "own-state", "own-words", "own-shown"].map(byId);
  const place = `status/${encodeURIComponent(me)}/${device}`;

  byId("me").textContent = me;
  const kept = JSON.parse(localStorage.getItem(place) ?? "{}");
  state.value = kept.state in states ? kept.state : "online";
  words.value = kept.body ?? "";
  form.addEventListener("change", tell);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    tell();
  });
  tell();

  function tell() {
    const said = { state: state.value, body: words.value.trim() || null };
    localStorage.setItem(place, JSON.stringify(said));
    slotcast.status.set(said);
    draw();
  }

  /** The dot is what comes of all my devices: another one may say otherwise, and win. */
  function draw() {
    const { state: seen, body } = slotcast.person(me).status;
    byId("own-avatar").replaceChildren(dotted(me, seen));
    shown.hidden = seen === "offline" || seen === state.value;
    shown.textContent = shown.hidden ? "" : `Friends see ${states[seen]}${body ? ` · ${body}` : ""}, from another device`;
  }

  return { draw };
}
