// Clients that move from door to door at random, in the midst of what they say: the built client in Node and the real server.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { transports } from "../../client-js/dist/slotcast.js";
import { dice } from "./follower.mjs";
import { write } from "./judge.mjs";
import { NAMES, page, SEED, settle, talkers, until } from "./talkers.mjs";

const { lay, newClient, enter, port } = talkers();

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

describe("a client that moves from door to door", { concurrency: true }, () => {
  test(`loses no write and doubles none (seed ${SEED})`, { timeout: 120_000 }, async () => {
    const COUNT = 1500;
    const roll = dice(SEED);
    const taken = {};
    const scenes = [];
    for (const user of ["ada", "bob", "carol"]) {
      const proxy = await lay();
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
      const proxy = await lay();
      const ways = anyWay(roll, taken);
      const client = newClient(user, proxy.port, { transport: ways.newTransport });
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
  const proxy = await lay({ upgrade: 400 });
  const first = enter("ada", proxy.port, "mended/1");
  await first.so.add("count", 1);
  assert.equal(first.client.transport, "stream");
  first.client.close();
  proxy.mood = {};
  const scenes = [enter("ada", proxy.port, "mended/1"), enter("bob", port(), "mended/1")];
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
