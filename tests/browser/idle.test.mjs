// A network that cuts what is idle: the built client in Node, and a server that says something often, or a proxy that loses patience sooner.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { write } from "./judge.mjs";
import { NAMES, SEED, settle, talkers, until } from "./talkers.mjs";

const { lay, enter, port } = talkers({ isBrisk: true });

describe("a network that cuts what is idle", { concurrency: true }, () => {
  for (const name of NAMES) {
    test(`does not meet ${name} where the server says something more often`, { timeout: 60_000 }, async () => {
      const proxy = await lay({ idle_ms: 4000 });
      const { client, so } = enter("idle", proxy.port, `idle/${name}`, { transport: name });
      await so.ready;
      const { session } = client;
      // As long as ten answers of the server take that says something each 700 ms.
      const ticking = await lay();
      const ticks = enter("ticks", ticking.port, `idle/${name}`, { transport: "poll" });
      await until(() => ticking.requests.filter((request) => request === "GET /poll").length >= 10);
      assert.equal(client.session, session);
      for (const each of [client, ticks.client]) each.close();
      proxy.close();
      ticking.close();
    });

    test(`and ${name} where it does not, is met by coming back`, { timeout: 60_000 }, async () => {
      const proxy = await lay({ idle_ms: 300 });
      const object = `idle-often/${name}`;
      const scenes = [enter("near", port(), object), enter("far", proxy.port, object, { transport: name })];
      await Promise.all(scenes.map(({ so }) => so.ready));
      await until(() => proxy.idleCuts >= 3);
      for (const [at, scene] of scenes.entries()) write(scene, [`${at}`, 50, SEED + at]);
      await settle(scenes);
      for (const { client } of scenes) client.close();
      proxy.close();
    });
  }
});
