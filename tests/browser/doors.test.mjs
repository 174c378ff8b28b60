// Every door through every kind of bad network: the built client in Node, the real server, a hostile proxy between. Nothing is lost and nothing doubled,
// whatever it does, and whichever way a client takes next.
import assert from "node:assert/strict";
import { once, setMaxListeners } from "node:events";
import { after, before, describe, test } from "node:test";
import { connect, fingerprint, transports } from "../../client-js/dist/slotcast.js";
import { dice } from "./follower.mjs";
import { agreed, newTally, write } from "./judge.mjs";
import { layProxy } from "./proxy.mjs";
import { startServer } from "./stage.mjs";

const SEED = Number(process.env.SLOTCAST_TEST_SEED ?? Date.now() % 1_000_000);
const NAMES = ["websocket", "stream", "sse", "poll"];
const UP_MS = 5000;

const servers = [];
const open = [];
const random = Math.random;
/** What a page would hear when its network is back. */
const page = new EventTarget();
setMaxListeners(0, page);
globalThis.addEventListener = page.addEventListener.bind(page);
globalThis.removeEventListener = page.removeEventListener.bind(page);
before(async () => {
  process.env.SLOTCAST_LIMITS_MESSAGES_PER_S = "100000";
  process.env.SLOTCAST_LIMITS_MESSAGES_BURST = "100000";
  process.env.SLOTCAST_LIMITS_INBOX_PER_SENDER = "1000";
  process.env.SLOTCAST_LIMITS_TELLS_PER_S = "100000";
  process.env.SLOTCAST_LIMITS_TELLS_BURST = "100000";
  servers.push(await startServer());
  process.env.SLOTCAST_LIMITS_PING_MS = "700";
  process.env.SLOTCAST_LIMITS_PONG_MS = "1500";
  servers.push(await startServer());
  // A short wait before each attempt, so that many fit into a test.
  Math.random = () => random() / 10;
});
after(async () => {
  Math.random = random;
  for (const close of open) close();
  for (const server of servers) await server.stop();
});

/** A client of this user at the port; `scene` is what the writer needs. */
function enter(user, port, object, options = {}) {
  const client = connect(`ws://127.0.0.1:${port}/objects`, { user, ...options });
  open.push(() => client.close());
  const so = client.object(object);
  return { client, so, tally: newTally() };
}

/** When a client is live for the first time. */
async function live({ client }, within_ms) {
  const started_ms = performance.now();
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not live within ${within_ms} ms`)), within_ms);
    const look = () => {
      if (client.state !== "live") return;
      clearTimeout(timer);
      resolve();
    };
    client.on("state", look);
    look();
  });
  return performance.now() - started_ms;
}

/** Settles when `isSo`, looked at from time to time. */
async function until(isSo) {
  do await new Promise((resolve) => setTimeout(resolve, 5));
  while (!isSo());
}

/** Settles when the copy has the version. */
async function reached(so, version) {
  while (so.version < version) await new Promise((resolve) => so.on("sync", resolve, { signal: AbortSignal.timeout(60_000) }));
}

/** Breaks the connections of one, or gives up the session in the midst of it; waits until it is on again, perhaps by another door. */
async function move({ proxy, line, ways }, isWhole, isOn) {
  if (isWhole) ways.cut();
  else proxy.cut();
  await until(() => {
    if (line().state === "offline") page.dispatchEvent(new Event("online"));
    return isOn();
  });
}

/** A way at random for each session, all of them before one comes again, and what cuts all that there are. */
function anyWay(roll, taken) {
  const present = new Set();
  let bag = [];
  const newTransport = (url, subprotocol) => {
    if (bag.length === 0) bag = [...NAMES];
    const [name] = bag.splice(roll(bag.length), 1);
    taken[name] = (taken[name] ?? 0) + 1;
    const transport = transports(name)(url, subprotocol);
    const way = {
      name,
      open: () => transport.open(),
      send: (messages) => transport.send(messages),
      listen: (listener) => {
        way.listener = listener;
        transport.listen(listener);
      },
      close: (code) => {
        present.delete(way);
        transport.close(code);
      },
    };
    present.add(way);
    return way;
  };
  const cut = () => {
    for (const way of [...present]) {
      way.close(4000);
      way.listener.closed(1006, "");
    }
  };
  return { newTransport, cut };
}

/** All have said everything, and hold the same. */
async function settle(scenes) {
  await Promise.all(scenes.map(({ running }) => running));
  const versions = await Promise.all(scenes.map(async ({ so }) => (await so.add("end", 1)).version));
  await Promise.all(scenes.map(({ so }) => reached(so, Math.max(...versions))));
  const prints = await Promise.all(scenes.map(async ({ so }) => [await so.fingerprint(), fingerprint(so.entries())]));
  assert.equal(new Set(prints.flat()).size, 1, `the clients and the server agree: ${prints}`);
  agreed(Object.fromEntries(scenes[0].so.entries()), scenes.map(({ tally }) => tally));
}

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

describe("a network that", { concurrency: true }, () => {
  for (const [words, [mood, expected, within_ms = UP_MS]] of Object.entries(moods)) {
    test(`${words} (seed ${SEED})`, { timeout: 60_000 }, async () => {
      const { port } = servers[0];
      const proxy = await layProxy(port, mood);
      open.push(proxy.close);
      const object = `doors/${words.replaceAll(/[^a-z0-9]/gi, "-")}`;
      const near = enter("near", port, object);
      const far = enter("far", proxy.port, object);
      const took_ms = await live(far, within_ms);
      await far.so.ready;
      assert.ok(expected.includes(far.client.transport), `${far.client.transport} is none of ${expected}`);
      for (const [at, scene] of [near, far].entries()) write(scene, [`${at}`, 400, SEED + at]);
      const hostile_ms = 4000;
      await Promise.race([Promise.all([near.running, far.running]), once(AbortSignal.timeout(hostile_ms), "abort")]);
      // Then a time at which it lets through what is left to be said.
      proxy.mood = {};
      await settle([near, far]);
      console.log(`${words}: up by ${far.client.transport} after ${Math.round(took_ms)} ms, ${proxy.requests.length} requests`);
      proxy.close();
      for (const { client } of [near, far]) client.close();
    });
  }
});

describe("a network that cuts what is idle", { concurrency: true }, () => {
  for (const name of NAMES) {
    test(`does not meet ${name} where the server says something more often`, { timeout: 60_000 }, async () => {
      const [, brisk] = servers;
      const proxy = await layProxy(brisk.port, { idle_ms: 4000 });
      open.push(proxy.close);
      const { client, so } = enter("idle", proxy.port, `idle/${name}`, { transport: name });
      await so.ready;
      const { session } = client;
      // As long as ten answers of the server take that says something each 700 ms.
      const ticking = await layProxy(brisk.port);
      open.push(ticking.close);
      const ticks = enter("ticks", ticking.port, `idle/${name}`, { transport: "poll" });
      await until(() => ticking.requests.filter((request) => request === "GET /poll").length >= 10);
      assert.equal(client.session, session);
      for (const each of [client, ticks.client]) each.close();
      proxy.close();
      ticking.close();
    });

    test(`and ${name} where it does not, is met by coming back`, { timeout: 60_000 }, async () => {
      const proxy = await layProxy(servers[0].port, { idle_ms: 300 });
      open.push(proxy.close);
      const object = `idle-often/${name}`;
      const scenes = [enter("near", servers[0].port, object), enter("far", proxy.port, object, { transport: name })];
      await Promise.all(scenes.map(({ so }) => so.ready));
      await until(() => proxy.idleCuts >= 3);
      for (const [at, scene] of scenes.entries()) write(scene, [`${at}`, 50, SEED + at]);
      await settle(scenes);
      for (const { client } of scenes) client.close();
      proxy.close();
    });
  }
});

describe("a client that moves from door to door", { concurrency: true }, () => {
  test(`loses no write and doubles none (seed ${SEED})`, { timeout: 120_000 }, async () => {
    const COUNT = 1500;
    const roll = dice(SEED);
    const taken = {};
    const scenes = [];
    for (const user of ["ada", "bob", "carol"]) {
      const proxy = await layProxy(servers[0].port);
      open.push(proxy.close);
      const ways = anyWay(roll, taken);
      const scene = enter(user, proxy.port, "moves/1", { transport: ways.newTransport });
      scenes.push({ ...scene, proxy, ways, line: () => scene.client });
    }
    await scenes[0].so.set("map", {});
    for (const [at, scene] of scenes.entries()) write(scene, [`w${at}`, COUNT, SEED + at]);
    let cuts = 0;
    for (const unfinished = () => scenes.filter(({ tally }) => tally.done < COUNT); unfinished().length > 0; cuts++) {
      const scene = unfinished()[roll(unfinished().length)];
      const next = Math.min(scene.tally.done + roll(3) * roll(40), COUNT);
      await move(scene, roll(3) > 0, () => scene.client.state === "live" && scene.tally.done >= next);
    }
    await settle(scenes);
    assert.ok(cuts >= 10, `only ${cuts} cuts`);
    assert.deepEqual(Object.keys(taken).sort(), [...NAMES].sort());
    console.log(`${cuts} cuts, doors taken: ${JSON.stringify(taken)}`);
    for (const { proxy, client } of scenes) {
      client.close();
      proxy.close();
    }
  });

  test(`has each message once and in order (seed ${SEED})`, { timeout: 120_000 }, async () => {
    const roll = dice(SEED + 1);
    const taken = {};
    const people = [];
    for (const [user, friend] of [["alice", "bob"], ["bob", "alice"]]) {
      const proxy = await layProxy(servers[0].port);
      open.push(proxy.close);
      const ways = anyWay(roll, taken);
      const client = connect(`ws://127.0.0.1:${proxy.port}/objects`, { user, transport: ways.newTransport });
      open.push(() => client.close());
      const heard = [];
      client.inbox.on("message", ({ body }) => heard.push(body));
      people.push({ proxy, ways, line: () => client.inbox, client, heard, friend });
    }
    const [alice, bob] = people;
    await Promise.all([alice.client.friends.ready, bob.client.friends.ready]);
    await alice.client.friends.ask("bob");
    await until(() => bob.client.friends.requests().includes("alice"));
    await bob.client.friends.accept("alice");
    const count = 300;
    const said = people.map(({ client, friend }) => Array.from({ length: count }, (_, at) => client.person(friend).tell(at)));
    for (const unfinished = () => people.filter(({ heard }) => heard.length < count); unfinished().length > 0; ) {
      const one = unfinished()[roll(unfinished().length)];
      const next = Math.min(one.heard.length + 1 + roll(30), count);
      await move(one, roll(3) > 0, () => one.heard.length >= next);
    }
    await Promise.all(said.flat());
    for (const { heard } of people) assert.deepEqual(heard, Array.from({ length: count }, (_, at) => at));
    console.log(`messages, doors taken: ${JSON.stringify(taken)}`);
    for (const { proxy, client } of people) {
      client.close();
      proxy.close();
    }
  });
});

test("a network that is mended: the next page is on a WebSocket a moment after it is live", { timeout: 60_000 }, async () => {
  const kept = new Map();
  globalThis.localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) };
  const proxy = await layProxy(servers[0].port, { upgrade: 400 });
  open.push(proxy.close);
  const first = enter("ada", proxy.port, "mended/1");
  await first.so.add("count", 1);
  assert.equal(first.client.transport, "stream");
  first.client.close();
  proxy.mood = {};
  const scenes = [enter("ada", proxy.port, "mended/1"), enter("bob", servers[0].port, "mended/1")];
  scenes[0].tally.added = 1;
  const names = [];
  scenes[0].client.on("transport", (name) => names.push(name));
  const states = [];
  scenes[0].client.on("state", (state) => states.push(state));
  for (const [at, scene] of scenes.entries()) write(scene, [`${at}`, 500, SEED + at]);
  await settle(scenes);
  await until(() => scenes[0].client.transport === "websocket");
  assert.deepEqual([names, states, kept.size], [["stream", "websocket"], ["live"], 0]);
  for (const { client } of scenes) client.close();
  proxy.close();
  delete globalThis.localStorage;
});
