// Who is in the room, and who is typing: one status slot per person, gone when they are.
import { avatar } from "../avatar.js";
import { byId, element } from "../element.js";
import { hue } from "../visitor.js";

const typing_ms = 3000;

export function people(room, slotcast, me) {
  room.setStatus({ name: me, color: hue(me), typing: false }).catch(() => {});

  room.on("sync", draw);
  draw();

  function draw() {
    const statuses = [...room.statuses()].sort(([a], [b]) => (b === me) - (a === me) || a.localeCompare(b));
    byId("people").replaceChildren(...statuses.map(person));
    byId("people-title").textContent = statuses.length === 1 ? "1 person" : `${statuses.length} people`;
    const others = statuses.filter(([user, status]) => user !== me && status?.typing).map(([user]) => user);
    const said = others.length === 0 ? "" : others.length > 2 ? "Several people are typing" : `${others.join(" and ")} ${others.length === 1 ? "is" : "are"} typing`;
    if (byId("typing").textContent !== said) byId("typing").textContent = said;
  }

  function person([user, status]) {
    const line = element("li", {}, avatar(user, status?.color), element("span", { className: "name" }, user));
    if (user === me) line.append(element("small", {}, "you"));
    else if (status?.typing) line.append(element("small", { className: "dots" }, "typing"));
    return line;
  }

  let quiet;
  let told = false;

  /** Told to others only when it changes; three seconds without a key end it. */
  function typing(is) {
    clearTimeout(quiet);
    if (is) quiet = setTimeout(() => typing(false), typing_ms);
    if (is === told || slotcast.state !== "live") return;
    told = is;
    room.patchStatus(["typing"], is).catch(() => {});
  }

  return { typing };
}
