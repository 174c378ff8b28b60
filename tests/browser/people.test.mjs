// Messages and friends in a browser: a device that is named keeps its cursor over page loads, in the real IndexedDB.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { complaintsOf, startBrowser, startServer } from "./stage.mjs";

let server;
let browser;
before(async () => {
  server = await startServer();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** A visitor's window on the front page, with a storage of its own. */
async function visit() {
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints = complaintsOf(page);
  await page.goto(`http://127.0.0.1:${server.port}/`);
  return { page, complaints };
}

/** In the window: a client that hears, and writes down in the order of hearing, over page loads. `isMute`: its acknowledgements are lost. */
async function listen([user, device, isMute, isForgetful]) {
  const { connect, memoryCursors } = await import("/slotcast.js");
  class Mute extends WebSocket {
    send(message) {
      const [array, code] = message;
      if (array !== 0x92 || code !== 34) super.send(message);
    }
  }
  const WebSocketClass = isMute ? Mute : WebSocket;
  const slotcast = connect("/objects", { user, device, WebSocket: WebSocketClass, cursors: isForgetful ? memoryCursors() : undefined });
  slotcast.inbox.on("message", ({ body }) => {
    localStorage.heard = JSON.stringify([...JSON.parse(localStorage.heard ?? "[]"), body]);
  });
  window.slotcast = slotcast;
  await new Promise((resolve) => slotcast.inbox.on("current", resolve));
}

const heard = (page) => page.evaluate(() => JSON.parse(localStorage.heard ?? "[]"));
/** It has come so far. */
const hears = (page, body) => page.waitForFunction((body) => Math.max(...JSON.parse(localStorage.heard ?? "[]")) >= body, body);

async function tell(page, to, bodies) {
  await page.evaluate(([to, bodies]) => Promise.all(bodies.map((body) => window.slotcast.person(to).tell(body))), [to, bodies]);
}

/** The demos' server takes messages of friends alone: the two become friends, as the one who will be written to sees it. */
async function befriend([writer, writerPage], [reader, readerPage]) {
  await writerPage.evaluate((reader) => window.slotcast.friends.ask(reader), reader);
  await readerPage.evaluate((writer) => window.slotcast.friends.ask(writer), writer);
  await readerPage.waitForFunction((writer) => window.slotcast.friends.get(writer)?.sub === "both", writer);
}

test("what the page was given before a reload does not come again, though the server knows nothing of it", async () => {
  const alice = await visit();
  const bob = await visit();
  await alice.page.evaluate(listen, ["alice", "phone", false, false]);
  await bob.page.evaluate(listen, ["bob", "desk", true, false]);
  await befriend(["alice", alice.page], ["bob", bob.page]);
  await tell(alice.page, "bob", [1, 2, 3]);
  await hears(bob.page, 3);
  await bob.page.reload();
  await bob.page.evaluate(listen, ["bob", "desk", true, false]);
  await tell(alice.page, "bob", [4]);
  await hears(bob.page, 4);
  assert.deepEqual(await heard(bob.page), [1, 2, 3, 4]);
  // Without its cursor the device has what the server remembers: what it brought when it came last.
  await bob.page.reload();
  await bob.page.evaluate(listen, ["bob", "desk", true, true]);
  assert.deepEqual(await heard(bob.page), [1, 2, 3, 4, 4]);
  assert.deepEqual([...alice.complaints, ...bob.complaints], []);
});

test("a page that is reloaded while messages come gets none twice, and all in order", async () => {
  const carol = await visit();
  const dave = await visit();
  await carol.page.evaluate(listen, ["carol", "phone", false, false]);
  await dave.page.evaluate(listen, ["dave", "desk", false, false]);
  await befriend(["carol", carol.page], ["dave", dave.page]);
  const bodies = Array.from({ length: 75 }, (_, at) => at + 1);
  for (let first = 1; first < 61; first += 15) {
    const told = tell(carol.page, "dave", bodies.slice(first - 1, first + 14));
    await hears(dave.page, first);
    await dave.page.reload();
    await dave.page.evaluate(listen, ["dave", "desk", false, false]);
    await told;
  }
  await tell(carol.page, "dave", bodies.slice(60));
  await hears(dave.page, 75);
  const got = await heard(dave.page);
  assert.deepEqual(got, [...new Set(got)].sort((left, right) => left - right));
  assert.deepEqual(got.slice(-15), bodies.slice(60));
  assert.deepEqual([...carol.complaints, ...dave.complaints], []);
});

test("two become friends, and one sees how the other is", async () => {
  const erin = await visit();
  const frank = await visit();
  await erin.page.evaluate(listen, ["erin", "phone", false, false]);
  await frank.page.evaluate(listen, ["frank", "desk", false, false]);
  await erin.page.evaluate(() => window.slotcast.friends.ask("frank"));
  await frank.page.waitForFunction(() => window.slotcast.friends.requests().includes("erin"));
  await frank.page.evaluate(() => window.slotcast.friends.accept("erin"));
  await frank.page.evaluate(() => window.slotcast.status.set({ state: "busy", body: "in a meeting" }));
  await erin.page.waitForFunction(() => window.slotcast.friends.get("frank")?.status.state === "busy");
  await frank.page.reload();
  await erin.page.waitForFunction(() => window.slotcast.friends.get("frank")?.status.state === "offline");
  const { sub, divergences } = await erin.page.evaluate(() => ({ ...window.slotcast.friends.get("frank"), divergences: window.slotcast.friends.divergences }));
  assert.deepEqual([sub, divergences], ["both", 0]);
  assert.deepEqual([...erin.complaints, ...frank.complaints], []);
});
