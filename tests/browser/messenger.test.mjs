// The messenger as people use it: friends with several devices, one of them away. Nothing sleeps; everything waits for what it expects.
import assert from "node:assert/strict";
import { test } from "node:test";
import { dataFolder, startServer } from "./stage.mjs";
import { back, gone, shows, windows } from "./windows.mjs";

const { visit } = windows();
let crowds = 0;

/** Names that no other test has: the server is the same. */
const newNames = () => [`alice${++crowds}`, `bob${crowds}`];
const enter = (user, device, options) => visit(`/messenger/?${new URLSearchParams({ user, device })}`, options);
const openWith = (page, friend) => page.click(`#friends a:has(.name:text-is("${friend}"))`);

const texts = () => [...document.querySelectorAll("#log .words")].map((words) => words.textContent);
const mine = () => [...document.querySelectorAll("#log li")].map((line) => line.classList.contains("mine"));
const progress = () => [...document.querySelectorAll("#log .mine")].map((line) => line.dataset.progress);
const friends = () => [...document.querySelectorAll("#friends li")].map((line) => ["name", "count"].map((part) => line.querySelector(`.${part}`)).filter((part) => !part.hidden).map((part) => part.textContent).join(": "));
const friendStatus = () => document.querySelector("#friend-status").textContent;
const listStatus = () => document.querySelector("#friends small")?.textContent;
const isLastSeen = () => document.querySelector("#friend-status").textContent.startsWith("Last seen ");
const failed = () => [...document.querySelectorAll("#log .failed .foot")].map((foot) => foot.firstChild.textContent);
const title = () => document.title;

async function say(page, text) {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
}

async function ask(page, friend) {
  await page.fill("#add-name", friend);
  await page.press("#add-name", "Enter");
}

async function befriend(page, friend, friendPage) {
  await ask(page, friend);
  await friendPage.click("#requests .strong");
  await shows(page, listStatus, "Online");
  await shows(friendPage, listStatus, "Online");
}

async function choose(page, action) {
  await page.click(".more");
  await page.click(`#${action}`);
}

test("who is asked may decline or accept; then each sees how the other is", async () => {
  const [alice, bob] = newNames();
  const [hers, his] = [await enter(alice, "desk"), await enter(bob, "desk")];
  const requests = () => [...document.querySelectorAll("#requests .name")].map((name) => name.textContent);
  await ask(hers, bob);
  await shows(hers, listStatus, "Asked, no answer yet");
  await openWith(hers, bob);
  await say(hers, "Already?");
  await shows(hers, failed, [`Not sent: ${bob} has not accepted yet. `]);

  await shows(his, requests, [alice]);
  await his.click("#requests button:not(.strong)");
  await shows(his, requests, []);
  await shows(hers, listStatus, "Does not share with you");
  await choose(hers, "ask-again");
  await his.click("#requests .strong");
  await shows(hers, listStatus, "Online");
  await his.selectOption("#own-state", "busy");
  await his.fill("#own-words", "at lunch");
  await his.press("#own-words", "Enter");
  await shows(hers, friendStatus, "Busy · at lunch");
  await his.selectOption("#own-state", "invisible");
  await shows(hers, isLastSeen, true);
});

test("two devices of one, and one who goes away and comes back", async () => {
  const [alice, bob] = newNames();
  const [desk, phone] = [await enter(alice, "desk"), await enter(alice, "phone", { viewport: { width: 375, height: 720 } })];
  let his = await enter(bob, "desk");
  await befriend(desk, bob, his);
  for (const page of [desk, phone]) await openWith(page, bob);
  await openWith(his, alice);
  await say(desk, "Lunch at one?");
  for (const page of [desk, phone, his]) await shows(page, texts, ["Lunch at one?"]);
  await his.locator("#text").pressSequentially("Ye");
  for (const page of [desk, phone]) await shows(page, () => document.querySelector("#typing").textContent.endsWith("is typing"), true);
  await say(his, "Yes!");
  for (const page of [desk, phone]) await shows(page, texts, ["Lunch at one?", "Yes!"]);
  for (const page of [desk, phone]) await shows(page, mine, [true, false]);
  for (const page of [desk, phone]) await shows(page, progress, ["read"]);
  for (const page of [desk, phone]) await shows(page, () => document.querySelector("#typing").textContent, "");

  const before = his;
  await his.close();
  await shows(desk, isLastSeen, true);
  await say(desk, "I am late");
  await shows(phone, texts, ["Lunch at one?", "Yes!", "I am late"]);
  await say(phone, "Ten minutes");
  for (const page of [desk, phone]) await shows(page, texts, ["Lunch at one?", "Yes!", "I am late", "Ten minutes"]);
  for (const page of [desk, phone]) await shows(page, progress, ["read", "stored", "stored"]);

  his = await enter(bob, "desk", { beside: before });
  await shows(his, friends, [`${alice}: 2 unread`]);
  await shows(his, title, "(2) Messenger · Slotcast");
  for (const page of [desk, phone]) await shows(page, progress, ["read", "delivered", "delivered"]);
  const other = await enter(bob, "phone");
  await shows(other, friends, [`${alice}: 2 unread`]);
  await openWith(his, alice);
  await shows(his, texts, ["Lunch at one?", "Yes!", "I am late", "Ten minutes"]);
  for (const page of [his, other]) await shows(page, friends, [alice]);
  await shows(other, title, "Messenger · Slotcast");
  for (const page of [desk, phone]) await shows(page, progress, ["read", "read", "read"]);

  await his.reload();
  await shows(his, texts, ["Lunch at one?", "Yes!", "I am late", "Ten minutes"]);
  await say(desk, "Here I am");
  await shows(his, texts, ["Lunch at one?", "Yes!", "I am late", "Ten minutes", "Here I am"]);
});

test("what is not looked at stays unread", async () => {
  const [alice, bob] = newNames();
  const [hers, his] = [await enter(alice, "desk"), await enter(bob, "desk")];
  await befriend(hers, bob, his);
  for (const [page, friend] of [[hers, bob], [his, alice]]) await openWith(page, friend);
  await his.evaluate(() => Object.defineProperty(document, "hidden", { configurable: true, get: () => true }));
  await say(hers, "Look!");
  await shows(his, title, `(1) ${alice} · Slotcast`);
  await shows(hers, progress, ["delivered"]);
  await his.evaluate(() => {
    delete document.hidden;
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await shows(his, title, `${alice} · Slotcast`);
  await shows(hers, progress, ["read"]);
});

test("what is written without a connection waits, is shown as such, and comes once", async () => {
  const [alice, bob] = newNames();
  const [hers, his] = [await enter(alice, "desk"), await enter(bob, "desk")];
  await befriend(hers, bob, his);
  for (const [page, friend] of [[hers, bob], [his, alice]]) await openWith(page, friend);
  hers.wire.deafen();
  await say(hers, "Do you hear me?");
  await shows(his, texts, ["Do you hear me?"]);
  await shows(hers, progress, ["waits"]);
  hers.wire.cut();
  await gone(hers);
  await say(hers, "I am on the train");
  await shows(hers, progress, ["waits", "waits"]);
  await shows(hers, () => getComputedStyle(document.querySelector("#log .waits .foot"), "::before").content, '"Waiting for the connection"');
  await say(his, "Hello?");
  await shows(his, texts, ["Do you hear me?", "Hello?"]);
  await back(hers);
  await shows(hers, progress, ["read", "read"]);
  for (const page of [hers, his]) await shows(page, texts, ["Do you hear me?", "Hello?", "I am on the train"]);
});

test("a page that is closed before there is an answer says what it does not know", async () => {
  const [alice, bob] = newNames();
  const [before, his] = [await enter(alice, "desk"), await enter(bob, "desk")];
  await befriend(before, bob, his);
  await openWith(before, bob);
  before.wire.cut();
  await gone(before);
  await say(before, "Now or never");
  await before.close();
  before.wire.mend();
  const hers = await enter(alice, "desk", { beside: before });
  await openWith(hers, bob);
  await shows(hers, failed, ["Not sent: The page was closed before there was an answer: it is there once, or not at all. "]);
  await hers.click(".failed button");
  await shows(hers, progress, ["delivered"]);
  await openWith(his, alice);
  await shows(his, texts, ["Now or never"]);
});

test("who is blocked is told so in words, and heard again when it is over; who is removed has to ask", async () => {
  const [alice, bob] = newNames();
  const [hers, his] = [await enter(alice, "desk"), await enter(bob, "desk")];
  await befriend(hers, bob, his);
  for (const [page, friend] of [[hers, bob], [his, alice]]) await openWith(page, friend);
  await choose(his, "block");
  await his.waitForSelector("#blocked-note:not([hidden])");
  await shows(his, friends, []);
  await shows(hers, friendStatus, "Offline");
  await say(hers, "Hello?");
  const refusal = `Not sent: ${bob} does not take messages from you. `;
  await shows(hers, failed, [refusal]);
  await his.click("#unblock");
  await shows(hers, friendStatus, "Online");
  await hers.click(".failed button");
  await shows(his, texts, ["Hello?"]);

  await choose(his, "remove");
  await shows(his, friends, []);
  await shows(hers, friendStatus, "Does not share with you");
  await say(hers, "And now?");
  await shows(hers, failed, [refusal]);
  await hers.click(".failed button:last-child");
  await shows(hers, texts, ["Hello?"]);
});

test("messages wait over a crash of the server", async () => {
  const [alice, bob] = newNames();
  const data = dataFolder();
  let own = await startServer(data);
  try {
    const [hers, his] = [await enter(alice, "desk", { port: own.port }), await enter(bob, "desk", { port: own.port })];
    await befriend(hers, bob, his);
    await openWith(hers, bob);
    await his.close();
    await shows(hers, isLastSeen, true);
    await say(hers, "For when you are back");
    await shows(hers, progress, ["stored"]);
    await own.stop("SIGKILL");
    await gone(hers);
    own = await startServer(data);
    for (const page of [hers, his]) page.wire.lead(own.port);
    const again = await enter(bob, "desk", { beside: his });
    await shows(again, friends, [`${alice}: 1 unread`]);
    await back(hers);
    await shows(hers, progress, ["delivered"]);
  } finally {
    await own.stop();
  }
});

test("a device has one window at a time; the older one says so, and can take over", async () => {
  const [alice] = newNames();
  const first = await enter(alice, "desk");
  const second = await enter(alice, "desk", { beside: first });
  await first.click("#elsewhere[open] button");
  await second.waitForSelector("#elsewhere[open]");
  await first.waitForSelector("#state[data-state=live]");
});
