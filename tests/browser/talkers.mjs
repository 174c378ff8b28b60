// Talkers: the built client in Node as people use it in pages, before real servers. To be called once in a file, outside its tests.
import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import { after, before } from "node:test";
import { connect, fingerprint } from "../../client-js/dist/slotcast.js";
import { agreed, newTally } from "./judge.mjs";
import { layProxy } from "./proxy.mjs";
import { startServer } from "./stage.mjs";

export const SEED = Number(process.env.SLOTCAST_TEST_SEED ?? Date.now() % 1_000_000);
export const NAMES = ["websocket", "stream", "sse", "poll"];

/** What a page would hear when its network is back. */
export const page = new EventTarget();
setMaxListeners(0, page);

const roomy = { MESSAGES_PER_S: 100_000, MESSAGES_BURST: 100_000, TELLS_PER_S: 100_000, TELLS_BURST: 100_000, INBOX_PER_SENDER: 1000 };
/** A server that says something every few seconds, however little there is to say. */
const brisk = { ...roomy, PING_MS: 700, PONG_MS: 1500 };

export function talkers({ isBrisk = false } = {}) {
  const open = [];
  const { random } = Math;
  let server;
  before(async () => {
    for (const [name, limit] of Object.entries(isBrisk ? brisk : roomy)) process.env[`SLOTCAST_LIMITS_${name}`] = String(limit);
    server = await startServer();
    globalThis.addEventListener = page.addEventListener.bind(page);
    globalThis.removeEventListener = page.removeEventListener.bind(page);
    // A short wait before each attempt, so that many fit into a test.
    Math.random = () => random() / 10;
  });
  after(async () => {
    Math.random = random;
    for (const close of open) close();
    await server?.stop();
  });

  /** A proxy before the server. */
  async function lay(mood) {
    const proxy = await layProxy(server.port, mood);
    open.push(proxy.close);
    return proxy;
  }

  function newClient(user, port = server.port, options = {}) {
    const client = connect(`ws://127.0.0.1:${port}/objects`, { user, ...options });
    open.push(() => client.close());
    return client;
  }

  /** A client of this user at the port, and what a writer to the object needs. */
  function enter(user, port, object, options) {
    const client = newClient(user, port, options);
    return { client, so: client.object(object), tally: newTally() };
  }

  return { lay, newClient, enter, port: () => server.port };
}

/** When a client is live for the first time. */
export async function live({ client }, within_ms) {
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
export async function until(isSo) {
  do await new Promise((resolve) => setTimeout(resolve, 5));
  while (!isSo());
}

/** Settles when the copy has the version. */
async function reached(so, version) {
  while (so.version < version) await new Promise((resolve) => so.on("sync", resolve, { signal: AbortSignal.timeout(60_000) }));
}

/** All have said everything, and hold the same. */
export async function settle(scenes) {
  await Promise.all(scenes.map(({ running }) => running));
  const versions = await Promise.all(scenes.map(async ({ so }) => (await so.add("end", 1)).version));
  await Promise.all(scenes.map(({ so }) => reached(so, Math.max(...versions))));
  const prints = await Promise.all(scenes.map(async ({ so }) => [await so.fingerprint(), fingerprint(so.entries())]));
  assert.equal(new Set(prints.flat()).size, 1, `the clients and the server agree: ${prints}`);
  agreed(Object.fromEntries(scenes[0].so.entries()), scenes.map(({ tally }) => tally));
}
