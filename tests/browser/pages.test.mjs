// The demo pages as people use them: several windows, a real server, a real browser. Nothing sleeps; everything waits for what it expects.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { describe, test } from "node:test";
import { dataFolder, root, startServer } from "./stage.mjs";
import { back, gone, shows, windows } from "./windows.mjs";

const house = windows();
const { visit } = house;
let places = 0;
const ownPlace = () => `t${++places}`;

const texts = () => [...document.querySelectorAll("#log .text")].map((text) => text.textContent);
const waiting = () => [...document.querySelectorAll("#pending .text")].map((text) => text.textContent);
const topicShown = () => document.querySelector("#topic-show").textContent;
const names = () => [...document.querySelectorAll("#people .name")].map((name) => name.textContent);

async function say(page, text) {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
}

async function setTopic(page, text) {
  await page.click("#topic-show");
  await page.fill("#topic-field", text);
  await page.press("#topic-field", "Enter");
}

describe("group chat", () => {
  const enter = (user, room, options) => visit(`/chat/?room=${room}&user=${user}`, options);

  test("what one says, the other reads; each sees who is there", async () => {
    const room = ownPlace();
    const [ada, eve] = [await enter("ada", room), await enter("eve", room)];
    await say(ada, "Good morning");
    await shows(eve, texts, ["Good morning"]);
    await say(eve, "<b>And</b> to you");
    await shows(ada, texts, ["Good morning", "<b>And</b> to you"]);
    await shows(ada, () => [...document.querySelectorAll("#log li")].map((line) => line.classList.contains("mine")), [true, false]);
    await shows(ada, waiting, []);
    await shows(ada, names, ["ada", "eve"]);
    await shows(eve, names, ["eve", "ada"]);
    await eve.close();
    await shows(ada, names, ["ada"]);
  });

  test("typing shows, and ends with the message", async () => {
    const room = ownPlace();
    const [ada, eve] = [await enter("ada", room), await enter("eve", room)];
    const typing = () => document.querySelector("#typing").textContent;
    await shows(eve, names, ["eve", "ada"]);
    await ada.locator("#text").pressSequentially("Hm");
    await shows(eve, typing, "ada is typing");
    await ada.press("#text", "Enter");
    await shows(eve, typing, "");
    await shows(eve, texts, ["Hm"]);
  });

  test("a name is asked for once", async () => {
    const room = ownPlace();
    const page = await enter("", room, { isAsked: true });
    await page.fill("#ask-name", "grace");
    await page.press("#ask-name", "Enter");
    await shows(page, names, ["grace"]);
    await page.reload();
    await shows(page, names, ["grace"]);
  });

  test("a topic that another changed meanwhile stands; the loser sees it and may insist", async () => {
    const room = ownPlace();
    const [ada, eve] = [await enter("ada", room), await enter("eve", room)];
    await setTopic(ada, "Tea");
    await shows(eve, topicShown, "Tea");

    eve.wire.cut();
    await gone(eve);
    await setTopic(eve, "Coffee");
    await shows(eve, topicShown, "Coffee");
    await setTopic(ada, "Cocoa");
    await shows(ada, topicShown, "Cocoa");
    await back(eve);
    await shows(eve, () => document.querySelector("#topic-said").textContent, "ada changed it to “Cocoa” meanwhile.");
    await shows(eve, topicShown, "Cocoa");
    await shows(ada, topicShown, "Cocoa");

    await eve.click("#topic-mine");
    await shows(ada, topicShown, "Coffee");
    await shows(eve, () => document.querySelector("#topic-note").hidden, true);
  });

  test("what is written while away waits, and goes out once and in order", async () => {
    const room = ownPlace();
    const [ada, eve] = [await enter("ada", room), await enter("eve", room)];
    await say(ada, "one");
    await shows(eve, texts, ["one"]);

    eve.wire.cut();
    await gone(eve);
    for (const text of ["three", "four", "five"]) await say(eve, text);
    await shows(eve, waiting, ["three", "four", "five"]);
    await say(ada, "two");
    await shows(ada, texts, ["one", "two"]);
    await back(eve);
    for (const page of [ada, eve]) await shows(page, texts, ["one", "two", "three", "four", "five"]);
    await shows(eve, waiting, []);
    await shows(ada, names, ["ada", "eve"]);
  });

  test("a message whose answer was lost is not said twice", async () => {
    const room = ownPlace();
    const [ada, eve] = [await enter("ada", room), await enter("eve", room)];
    await shows(eve, names, ["eve", "ada"]);
    eve.wire.deafen();
    await say(eve, "Do you hear me?");
    await shows(ada, texts, ["Do you hear me?"]);
    await shows(eve, waiting, ["Do you hear me?"]);
    eve.wire.cut();
    await gone(eve);
    await back(eve);
    await shows(eve, waiting, []);
    await say(eve, "Now I do");
    for (const page of [ada, eve]) await shows(page, texts, ["Do you hear me?", "Now I do"]);
  });

  test("a server that begins anew has an empty room; what was never sent is said there, once", async () => {
    const room = ownPlace();
    const [ada, eve] = [await enter("ada", room), await enter("eve", room)];
    await say(ada, "before");
    await shows(eve, texts, ["before"]);
    const pages = [ada, eve];
    for (const page of pages) page.wire.cut();
    for (const page of pages) await gone(page);
    await say(eve, "after");
    const next = await startServer();
    try {
      for (const page of pages) {
        page.wire.lead(next.port);
        await back(page);
      }
      for (const page of pages) await shows(page, texts, ["after"]);
      for (const page of pages) await shows(page, waiting, []);
      await shows(ada, names, ["ada", "eve"]);
    } finally {
      await next.stop();
    }
  });

  test("the history outlives a crash and a stop of the server, without a reload", async () => {
    const room = ownPlace();
    const data = dataFolder();
    let own = await startServer(data);
    try {
      const pages = [await enter("ada", room, { port: own.port }), await enter("eve", room, { port: own.port })];
      const [ada, eve] = pages;
      for (const page of pages) await page.evaluate(() => (window.neverReloaded = true));
      await setTopic(ada, "Tea");
      await say(ada, "before");
      await shows(eve, texts, ["before"]);
      const said = ["before"];
      for (const signal of ["SIGKILL", "SIGTERM"]) {
        await own.stop(signal);
        for (const page of pages) await gone(page);
        await say(eve, `while away, ${signal}`);
        own = await startServer(data);
        for (const page of pages) page.wire.lead(own.port);
        for (const page of pages) await back(page);
        await say(ada, `after ${signal}`);
        said.push(`while away, ${signal}`, `after ${signal}`);
        for (const page of pages) await shows(page, () => document.querySelectorAll("#log .text").length, said.length);
        for (const page of pages) assert.deepEqual([...(await page.evaluate(texts))].sort(), [...said].sort());
        for (const page of pages) await shows(page, waiting, []);
        for (const page of pages) await shows(page, topicShown, "Tea");
        await shows(ada, names, ["ada", "eve"]);
      }
      assert.deepEqual(await Promise.all(pages.map((page) => page.evaluate(() => window.neverReloaded))), [true, true]);
    } finally {
      await own.stop();
    }
  });

  test("who reads further up is told of new messages, and so is the title of a hidden tab", async () => {
    const room = ownPlace();
    const [ada, eve] = [await enter("ada", room), await enter("eve", room)];
    for (let number = 1; number <= 30; number += 1) await say(ada, `line ${number}`);
    await shows(eve, () => document.querySelectorAll("#log li").length, 30);
    await eve.evaluate(() => {
      Object.defineProperty(document, "hidden", { get: () => true });
      document.querySelector("#scroller").scrollTop = 0;
    });
    await say(ada, "the newest");
    await eve.waitForSelector("#pill:not([hidden])");
    await shows(eve, () => document.querySelector("#pill").textContent, "1 new message");
    await shows(eve, () => document.title, `(1) ${room} · Slotcast`);
    await eve.click("#pill");
    await eve.waitForSelector("#pill", { state: "hidden" });
  });

  const python = process.env.PYTHON ?? "python3";
  const missing = spawnSync(python, ["-c", "import websockets"]).status !== 0 && "the Python package websockets is not installed";

  test("a stranger's client, written from protocol.md alone, talks with the page", { skip: missing, timeout: 30_000 }, async () => {
    const ada = await enter("ada", "lobby");
    const url = `ws://127.0.0.1:${house.port()}/objects`;
    const stranger = spawn(python, [path.join(root, "tests/stranger/chat.py"), url, "marco"], { stdio: ["pipe", "pipe", "inherit"] });
    try {
      const heard = createInterface(stranger.stdout)[Symbol.asyncIterator]();
      stranger.stdin.write("Hello from elsewhere\n");
      assert.equal((await heard.next()).value, "marco: Hello from elsewhere");
      await shows(ada, texts, ["Hello from elsewhere"]);
      await say(ada, "Welcome, whoever you are");
      assert.equal((await heard.next()).value, "ada: Welcome, whoever you are");
    } finally {
      stranger.kill();
    }
  });
});

describe("slide control", () => {
  const enter = (user, deck, options) => visit(`/slides/?deck=${deck}&user=${user}`, options);
  const count = () => document.querySelector("#count").textContent;
  const floor = () => document.querySelector("#floor").textContent;
  const version = () => document.querySelector("caption span")?.textContent;

  test("everyone follows the speaker, latecomers too; a viewer may look back", async () => {
    const deck = ownPlace();
    const [ada, eve] = [await enter("ada", deck), await enter("eve", deck)];
    await ada.click("#take");
    await shows(ada, floor, "You have the floor");
    await shows(eve, floor, "ada speaks");
    for (let step = 0; step < 3; step += 1) await ada.keyboard.press("ArrowRight");
    for (const page of [ada, eve, await enter("tim", deck)]) {
      await shows(page, count, "2 / 5");
      await shows(page, version, "version 9");
    }
    await eve.keyboard.press("ArrowLeft");
    await shows(eve, version, "version 8");
    await ada.click("#next");
    await shows(ada, version, "version 10");
    await shows(eve, version, "version 8");
    await eve.click("#follow");
    await shows(eve, version, "version 10");
  });

  test("the pointer and applause are on every screen, in the same place", async () => {
    const deck = ownPlace();
    const [ada, eve] = [await enter("ada", deck), await enter("eve", deck, { viewport: { width: 360, height: 740 } })];
    await ada.click("#take");
    await shows(eve, floor, "ada speaks");
    const stage = await ada.locator("#stage").boundingBox();
    await ada.mouse.move(stage.x + stage.width / 4, stage.y + stage.height / 2);
    await ada.mouse.down();
    await eve.waitForSelector("#dot:not([hidden])", { state: "attached" });
    const place = await eve.evaluate(() => [document.querySelector("#dot").style.left, document.querySelector("#dot").style.top].map(Number.parseFloat));
    assert.ok(Math.abs(place[0] - 25) < 1 && Math.abs(place[1] - 50) < 1, `the dot is at ${place}`);
    await ada.mouse.up();
    await eve.waitForSelector("#dot", { state: "hidden" });
    await eve.click("#clap");
    for (const page of [ada, eve]) await page.waitForSelector(".mark-of-applause", { state: "attached" });
  });

  test("of two who take the floor one gets it; it is free when the speaker leaves or is gone", async () => {
    const deck = ownPlace();
    const [ada, eve] = [await enter("ada", deck), await enter("eve", deck)];
    await Promise.all([ada, eve].map((page) => page.evaluate(() => document.querySelector("#take").click())));
    const speaker = await ada.waitForFunction(() => /^(You have|eve speaks)/.exec(document.querySelector("#floor").textContent)?.[0]);
    const [first, second, name] = (await speaker.jsonValue()) === "You have" ? [ada, eve, "eve"] : [eve, ada, "ada"];
    await shows(first, floor, "You have the floor");
    await shows(second, () => document.querySelector("#leave").hidden, true);
    await first.click("#leave");
    await shows(second, floor, "The floor is free");
    await second.click("#take");
    await shows(first, floor, `${name} speaks`);
    await second.close();
    await shows(first, floor, "The floor is free");
  });

  test("a speaker who was cut off has the floor again, unless another took it", async () => {
    const deck = ownPlace();
    const [ada, eve] = [await enter("ada", deck), await enter("eve", deck)];
    await ada.click("#take");
    await shows(eve, floor, "ada speaks");
    ada.wire.cut();
    await gone(ada);
    await shows(eve, floor, "The floor is free");
    await back(ada);
    await shows(eve, floor, "ada speaks");
    ada.wire.cut();
    await gone(ada);
    await shows(eve, floor, "The floor is free");
    await eve.click("#take");
    await shows(eve, floor, "You have the floor");
    await back(ada);
    await shows(ada, floor, "eve speaks");
    await shows(eve, floor, "You have the floor");
  });
});

describe("all pages", () => {
  test("the front page counts people and shares its lamps", async () => {
    const [ada, eve] = [await visit("/?user=ada"), await visit("/?user=eve")];
    for (const page of [ada, eve]) await shows(page, () => document.querySelector("#here").textContent, "2 people here");
    await ada.locator(".lamp").nth(6).click();
    await shows(eve, () => document.querySelectorAll(".lamp")[6].ariaLabel, "Lamp 7, lit by ada");
    await eve.locator(".lamp").nth(6).click();
    await shows(ada, () => document.querySelectorAll(".lamp")[6].ariaPressed, "false");
  });

  for (const address of ["/?user=ada", "/chat/?user=ada", "/messenger/?user=ada", "/messenger/?user=ada#with=eve", "/slides/?user=ada"]) {
    test(`${address} fits a phone and a projector`, async () => {
      for (const viewport of [{ width: 360, height: 740 }, { width: 1920, height: 1080 }]) {
        const page = await visit(address, { viewport });
        await shows(page, () => document.documentElement.scrollWidth <= innerWidth, true);
      }
    });
  }
});
