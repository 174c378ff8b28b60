// Every kind of bad network: the built client in Node, the real server, a hostile proxy between. The client finds a way, nothing is lost and nothing
// doubled, whatever is done to what it says, also when the network changes in the midst.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { describe, test } from "node:test";
import { write } from "./judge.mjs";
import { live, NAMES, SEED, settle, talkers } from "./talkers.mjs";

const { lay, enter, port } = talkers();
const UP_MS = 5000;
const { random } = Math;

/** A mood, what the client finds there, and how long it may take: three seconds for each way that says nothing. */
const moods = {
  "is clear": [{}, ["websocket"]],
  "is slow": [{ delay_ms: 120 }, ["websocket"]],
  "answers an Upgrade with 400": [{ upgrade: 400 }, ["stream"]],
  "answers an Upgrade with 426": [{ upgrade: 426 }, ["stream"]],
  "answers an Upgrade with 200": [{ upgrade: 200 }, ["stream"]],
  "swallows an Upgrade": [{ upgrade: "swallow" }, ["stream"]],
  "strips the Connection header": [{ upgrade: "strip" }, ["stream"]],
  "gathers answers until they end": [{ upgrade: 400, gathers: true }, ["poll"]],
  "swallows an Upgrade and gathers answers": [{ upgrade: "swallow", gathers: true }, ["poll"], 8000],
  "cuts after some time": [{ cut_ms: () => 300 + random() * 1500 }, NAMES],
  "cuts after some time, and refuses an Upgrade": [{ cut_ms: () => 300 + random() * 1500, upgrade: 400 }, ["stream", "sse", "poll"]],
  "cuts after some bytes": [{ cut_bytes: () => 3000 + random() * 9000 }, NAMES],
  "cuts after some bytes, and refuses an Upgrade": [{ cut_bytes: () => 3000 + random() * 9000, upgrade: 400 }, ["stream", "sse", "poll"]],
  "truncates every other answer": [{ upgrade: 400, truncates: () => (random() < 0.5 ? 50 + random() * 2000 : undefined) }, ["stream", "sse", "poll"]],
};

/** Nobody writes while others may still be on their way up: how long that takes is the network's doing, not the writers'. */
let missing = Object.keys(moods).length;
const arrivals = new EventEmitter();
const arrive = () => --missing === 0 && arrivals.emit("all");
const all = Promise.race([once(arrivals, "all"), once(AbortSignal.timeout(10_000), "abort")]);

describe("a network that", { concurrency: true }, () => {
  for (const [words, [mood, expected, within_ms = UP_MS]] of Object.entries(moods)) {
    test(`${words} (seed ${SEED})`, { timeout: 60_000 }, async () => {
      const proxy = await lay(mood);
      const object = `doors/${words.replaceAll(/[^a-z0-9]/gi, "-")}`;
      const near = enter("near", port(), object);
      const far = enter("far", proxy.port, object);
      const took_ms = await live(far, within_ms).finally(arrive);
      await all;
      await far.so.ready;
      const first = far.client.transport;
      assert.ok(expected.includes(first), `${first} is none of ${expected}`);
      for (const [at, scene] of [near, far].entries()) write(scene, [`${at}`, 400, SEED + at]);
      const hostile_ms = 4000;
      await Promise.race([Promise.all([near.running, far.running]), once(AbortSignal.timeout(hostile_ms), "abort")]);
      // Then a time at which it lets through what is left to be said.
      proxy.mood = {};
      await settle([near, far]);
      console.log(`${words}: up by ${first} after ${Math.round(took_ms)} ms, by ${far.client.transport} in the end, ${proxy.requests.length} requests`);
      proxy.close();
      for (const { client } of [near, far]) client.close();
    });
  }
});
