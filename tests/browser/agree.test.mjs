// Two windows and `slotcast watch` on one object: 10,000 random writes at once, sockets cut at random. What was acknowledged is there, once; what was
// rejected is not; and in the end all three hold the same.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { dice, Follower } from "./follower.mjs";
import { agreed, newTally, write } from "./judge.mjs";
import { binary, complaintsOf, layWire, startBrowser, startServer } from "./stage.mjs";

const WRITES = Number(process.env.SLOTCAST_TEST_WRITES ?? 5000);
const SEED = Number(process.env.SLOTCAST_TEST_SEED ?? Date.now() % 1_000_000);
const OBJECT = "agree/1";

let server;
let browser;
let night;
before(async () => {
  process.env.SLOTCAST_LIMITS_MESSAGES_PER_S = "100000";
  process.env.SLOTCAST_LIMITS_MESSAGES_BURST = "100000";
  server = await startServer();
  browser = await startBrowser();
});
after(async () => {
  night?.child.kill("SIGKILL");
  await browser?.close();
  await server?.stop();
});

/** A window on the front page that imports the client as any page would. */
async function visit(user) {
  const wire = await layWire(server.port);
  const page = await browser.newPage();
  const complaints = complaintsOf(page);
  await page.goto(`http://127.0.0.1:${wire.port}/`);
  await page.evaluate(async ([user, object, tally]) => {
    const { connect, fingerprint } = await import("/slotcast.js");
    const slotcast = connect("/objects", { user, transport: "websocket" });
    const so = slotcast.object(object);
    await so.ready;
    Object.assign(window, { slotcast, so, fingerprint, tally });
  }, [user, OBJECT, newTally()]);
  return { wire, page, complaints };
}

function watch(port) {
  const words = ["watch", OBJECT, "--json", "--url", `ws://127.0.0.1:${port}/objects`, "--user", "night"];
  const child = spawn(binary, words, { stdio: ["ignore", "pipe", "ignore"] });
  const follower = new Follower();
  createInterface(child.stdout).on("line", (line) => follower.take(JSON.parse(line)));
  const ended = once(child, "exit").then(([code]) => assert.fail(`the watch ended with ${code}`));
  ended.catch(() => {});
  return { child, reaches: (version) => Promise.race([follower.reaches(version), ended]), slots: () => follower.slots() };
}

test(`10,000 writes, cuts, one version (seed ${SEED})`, { timeout: 240_000 }, async () => {
  const windows = [await visit("ada"), await visit("bob")];
  const [first] = windows;
  await first.page.evaluate(() => window.so.set("map", {}));
  const wire = await layWire(server.port);
  night = watch(wire.port);
  await night.reaches(0); // One that is cut before it has seen anything gives up.
  await Promise.all(windows.map(({ page }, at) => page.evaluate(`(${write})(window, ${JSON.stringify([`w${at}`, WRITES, SEED + at])})`)));

  const roll = dice(SEED);
  const done = async () => {
    const counts = await Promise.all(windows.map(({ page }) => page.evaluate(() => window.tally.done)));
    return counts.every((count) => count === WRITES);
  };
  let cuts = 0;
  while (!(await done())) {
    const victim = windows[roll(2)];
    victim.wire.cut();
    if (cuts % 8 === 0) wire.cut();
    cuts++;
    await victim.page.waitForFunction(() => window.slotcast.state !== "live");
    victim.wire.mend();
    wire.mend();
    await victim.page.evaluate(() => dispatchEvent(new Event("online")));
    await victim.page.waitForFunction(() => window.slotcast.state === "live");
    const before = await victim.page.evaluate(() => window.tally.done);
    const enough = [before + 20 + roll(200), WRITES];
    await victim.page.waitForFunction(([next, all]) => window.tally.done >= Math.min(next, all), enough, { timeout: 60_000 });
  }
  assert.ok(cuts >= 10, `only ${cuts} cuts`);

  const ends = await Promise.all(windows.map(({ page }) => page.evaluate(async () => {
    await window.running;
    return window.tally;
  })));
  const version = await first.page.evaluate(async () => (await window.so.add("end", 1)).version);
  for (const { page } of windows) await page.waitForFunction((version) => window.so.version >= version, version);
  await night.reaches(version);

  const prints = await Promise.all(windows.map(({ page }) => page.evaluate(async () => [await window.so.fingerprint(), window.fingerprint(window.so.entries())])));
  assert.equal(new Set(prints.flat()).size, 1, `the windows and the server agree: ${prints}`);
  const slots = await first.page.evaluate(() => Object.fromEntries(window.so.entries()));
  assert.deepEqual(night.slots(), slots, "and so does the terminal");

  agreed(slots, ends);
  for (const { complaints } of windows) assert.deepEqual(complaints, []);
  console.log(`${2 * WRITES} writes, ${cuts} cuts, ${version} versions; refused: ${JSON.stringify(ends.map(({ codes }) => codes))}`);

  for (const { wire, page } of windows) {
    await page.close();
    wire.close();
  }
  wire.close();
});
