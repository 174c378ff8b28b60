// Draws one slide at one step.
import { element } from "../element.js";

export function draw(place, slide, step) {
  const title = element(slide.layout === "title" ? "h1" : "h2", {}, slide.title);
  place.className = `slide ${slide.layout}`;
  place.replaceChildren(title, ...pictures[slide.layout](slide, step));
}

const pictures = {
  title: ({ under }) => [element("p", { className: "under" }, under), slotsOfLight()],

  object({ name, states }, step) {
    const [now, before] = [states[step], states[step - 1]];
    const version = element("span", { className: before ? "new" : "" }, `version ${now.version}`);
    const rows = Object.entries(now.slots).map(([slot, value]) => {
      const fresh = before && before.slots[slot] !== value;
      return element("tr", { className: fresh ? "new" : "" }, element("th", { scope: "row" }, slot), element("td", {}, value));
    });
    const table = element("table", {}, element("caption", {}, name, version), element("tbody", {}, ...rows));
    return [element("div", { className: "picture" }, table, element("p", {}, now.say))];
  },

  rules: ({ rules }, step) => [
    element("dl", {}, ...rules.map(([rule, winner], at) => part("div", at, step, element("dt", {}, rule), element("dd", {}, winner)))),
  ],

  behind: ({ rows }, step) => [
    element("ul", {}, ...rows.map(([who, has, gets], at) => {
      const bar = element("span", { className: "has" });
      bar.style.setProperty("--has", has);
      return part("li", at, step, element("strong", {}, who), element("span", {}, gets), bar);
    })),
  ],
};

/** A part that waits for its step; it keeps its place, so that nothing jumps. */
function part(tag, at, step, ...children) {
  const made = element(tag, {}, ...children);
  if (at > step) made.classList.add("later");
  if (at === step) made.classList.add("now");
  return made;
}

function slotsOfLight() {
  return element("div", { className: "light", "aria-hidden": "true" }, ...Array.from({ length: 9 }, () => element("i")));
}
