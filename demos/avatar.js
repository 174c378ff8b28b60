// A person's sign: the first letter on their colour.
import { element } from "./element.js";
import { hue } from "./visitor.js";

export function avatar(user, color) {
  const made = element("span", { className: "avatar", "aria-hidden": "true" }, [...user][0].toUpperCase());
  made.style.setProperty("--hue", Number.isFinite(color) ? color : hue(user));
  return made;
}
