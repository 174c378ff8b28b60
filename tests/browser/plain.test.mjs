// The page that has nothing but `fetch`, beside one with a WebSocket.
import { test } from "node:test";
import { shows, windows } from "./windows.mjs";

const { visit } = windows();

test("a page without a script of ours and one with it chat with each other", async () => {
  const ada = await visit("/chat/?room=plain&user=ada");
  const eve = await visit("/plain/?room=plain&user=eve", { isPlain: true });
  await ada.fill("#text", "Good <b>morning</b>");
  await ada.press("#text", "Enter");
  const lines = () => [...document.querySelectorAll("#log li")].map((line) => line.textContent);
  await shows(eve, lines, ["ada: Good <b>morning</b>"]);
  await eve.fill("input", "to you too");
  await eve.press("input", "Enter");
  await shows(ada, () => [...document.querySelectorAll("#log .text")].map((text) => text.textContent), ["Good <b>morning</b>", "to you too"]);
  await shows(eve, lines, ["ada: Good <b>morning</b>", "eve: to you too"]);
  await shows(eve, () => document.querySelector("input").value, "");
});
