// The visitor's name: asked once, kept in this browser.
import { byId } from "./element.js";
import { chosenName } from "./visitor.js";

export async function ownName() {
  const name = chosenName();
  if (name) return name;
  const dialog = byId("ask");
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.showModal();
  await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  const given = byId("ask-name").value.trim();
  localStorage.setItem("name", given);
  return given;
}

export function forgetName() {
  localStorage.removeItem("name");
  const address = new URL(location.href);
  address.searchParams.delete("user");
  location.assign(address);
}
