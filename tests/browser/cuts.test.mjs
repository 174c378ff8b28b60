// Every demo page by every door, while its connections are cut every five seconds: for half a minute, and for minutes in a soak. People go on using it meanwhile.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { shows, windows } from "./windows.mjs";

const { visit } = windows();
/** Who talks with whom: each page is open by each door. */
const pairs = [["websocket", "stream"], ["sse", "poll"]];
const EVERY_MS = 5000;
const CUTS = Number(process.env.SLOTCAST_TEST_CUTS ?? 6);
const shots = path.join(path.dirname(fileURLToPath(import.meta.url)), "shots");

/** The last ones: the room keeps no more than 200. */
const texts = () => [...document.querySelectorAll("#log .text:not(:has(.words)), #log .words")].map((text) => text.textContent).slice(-100);
const way = () => document.querySelector("#state").title;

/** What two people do on a page, again and again; `check` is what must be so in the end. `place`: their own, as a number. */
const plays = {
  async chat(enter, place) {
    const pages = await enter((user) => `/chat/?room=cuts-${place}&user=${user}`);
    return { pages, ...conversation(...pages) };
  },
  async messenger(enter, place) {
    const [hers, his] = await enter((user) => `/messenger/?user=${user}-${place}&device=desk`);
    await hers.fill("#add-name", `bob-${place}`);
    await hers.press("#add-name", "Enter");
    await his.click("#requests .strong");
    for (const [page, friend] of [[hers, "bob"], [his, "alice"]]) await page.click(`#friends a:has(.name:text-is("${friend}-${place}"))`);
    return { pages: [hers, his], ...conversation(hers, his) };
  },
  async slides(enter, place) {
    const [hers, his] = await enter((user) => `/slides/?deck=cuts-${place}&user=${user}`);
    const count = () => document.querySelector("#count").textContent;
    const floor = () => document.querySelector("#floor").textContent;
    let turn = 0;
    await hers.click("#take");
    const once = async () => {
      await shows(hers, floor, "You have the floor");
      await hers.click(turn++ % 2 === 0 ? "#next" : "#back");
      await shows(his, count, await hers.evaluate(count));
    };
    return { pages: [hers, his], once, check: once };
  },
  async front(enter, place) {
    const pages = await enter((user) => `/?user=${user}`);
    const pressed = new Function(`return document.querySelectorAll(".lamp")[${place}].ariaPressed`);
    let turn = 0;
    const once = async () => {
      await pages[turn++ % 2].locator(".lamp").nth(place).click();
      for (const page of pages) await shows(page, pressed, String(turn % 2 === 1));
    };
    return { pages, once, check: once };
  },
};

/** Two who answer each other. */
function conversation(one, other) {
  const said = [];
  const once = async () => {
    const text = `line ${said.length + 1}`;
    const [from, to] = said.length % 2 === 0 ? [one, other] : [other, one];
    said.push(text);
    await from.fill("#text", text);
    await from.press("#text", "Enter");
    await shows(to, texts, said.slice(-100));
  };
  return { once, check: async () => Promise.all([one, other].map((page) => shows(page, texts, said.slice(-100)))) };
}

/** A page whose network tells when it is back: else a client that is cut so often waits for up to half a minute. */
async function open(address) {
  const page = await visit(address);
  await page.evaluate(() => {
    const isCut = () => document.querySelector("#state").dataset.state !== "live";
    setInterval(() => isCut() && dispatchEvent(new Event("online")), 200);
  });
  return page;
}

test("all pages by all doors, cut every five seconds", { timeout: 180_000 + CUTS * EVERY_MS }, async () => {
  const acts = [];
  const clock = setInterval(() => {
    for (const act of acts) {
      act.cuts++;
      for (const page of act.pages) {
        page.wire.cut();
        page.wire.mend();
      }
    }
  }, EVERY_MS);
  const all = pairs.flatMap((doors, place) => Object.entries(plays).map(async ([name, play]) => {
    const enter = (address) => Promise.all(["alice", "bob"].map((user, at) => open(`${address(user)}&transport=${doors[at]}`)));
    const act = { doors, name, turns: 0, cuts: 0, ...(await play(enter, place)) };
    acts.push(act);
    for (; act.cuts < CUTS; act.turns++) await act.once();
  }));
  await Promise.all(all).finally(() => clearInterval(clock));
  mkdirSync(shots, { recursive: true });
  for (const { doors, name, pages, turns, check } of acts) {
    assert.ok(turns >= CUTS, `${name} by ${doors}: only ${turns} turns`);
    await check();
    for (const [at, page] of pages.entries()) {
      await page.waitForSelector("#state[data-state=live]");
      await shows(page, way, `by ${doors[at]}`);
      await page.screenshot({ path: path.join(shots, `cuts-${name}-${doors[at]}.png`) });
    }
  }
  console.log(acts.map(({ doors, name, turns }) => `${name} by ${doors.join(" and ")}: ${turns} turns`).join(", "));
});
