// The room's topic. The slot is guarded: who changes it must have seen what was there, else the other one stands.
import { byId } from "../element.js";

export function topic(room) {
  const [show, form, field, note] = ["topic-show", "topic-form", "topic-field", "topic-note"].map(byId);
  let before; // what the topic was when I began to change it
  let mine; // what I wanted when someone else was first

  room.on("sync", draw);
  room.on("change", whileEditing);
  room.on("delete", whileEditing);
  show.addEventListener("click", edit);
  byId("topic-cancel").addEventListener("click", close);
  form.addEventListener("keydown", (event) => event.key === "Escape" && close());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save(field.value.trim());
  });
  byId("topic-theirs").addEventListener("click", close);
  byId("topic-mine").addEventListener("click", () => save(form.hidden ? mine : field.value.trim()));
  draw();

  function draw() {
    show.textContent = room.get("topic") ?? "No topic yet";
    show.classList.toggle("none", room.get("topic") === undefined);
  }

  function whileEditing({ slot, by, value }) {
    if (slot === "topic" && !form.hidden && value !== before) taken(by, value, field.value);
  }

  function edit() {
    before = room.get("topic");
    field.value = before ?? "";
    show.hidden = note.hidden = true;
    form.hidden = false;
    field.select();
  }

  function close() {
    form.hidden = note.hidden = true;
    show.hidden = false;
    show.focus();
  }

  async function save(text) {
    close();
    if (text === (room.get("topic") ?? "")) return;
    show.classList.add("waits");
    const written = text ? room.set("topic", text) : room.delete("topic");
    draw();
    try {
      await written;
    } catch (reason) {
      const winner = reason.winners?.[0];
      if (reason.code === "conflict" && winner) taken(winner.by, winner.value, text);
      else say(`The topic was not changed: ${reason.what ?? reason.message}`, false);
    }
    show.classList.remove("waits");
    draw();
  }

  function taken(by, value, wanted) {
    mine = wanted;
    say(value == null ? `${by || "Someone"} removed the topic meanwhile.` : `${by} changed it to “${value}” meanwhile.`, true);
  }

  function say(text, choice) {
    byId("topic-said").textContent = text;
    byId("topic-mine").textContent = form.hidden && choice ? `Use “${mine || "none"}”` : "Use mine";
    byId("topic-mine").hidden = !choice;
    byId("topic-theirs").textContent = choice ? "Keep theirs" : "All right";
    note.hidden = false;
  }
}
