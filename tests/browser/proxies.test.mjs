// The built client through other makers' proxies: as docs/proxies.md configures them, and as they come. Where a proxy is missing and not to be had, it says so.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { write } from "./judge.mjs";
import { root } from "./stage.mjs";
import { live, SEED, settle, talkers } from "./talkers.mjs";

const { enter, port } = talkers();
const proxies = path.join(root, "tests/proxies");
process.env.PATH += ":/usr/sbin";
spawnSync(path.join(proxies, "setup.sh"), { stdio: "inherit" });
const isHere = (name) => spawnSync(name, ["-v"]).status === 0;

/** What a configuration has in place of its own addresses. */
const ours = (name, listen, own) =>
  readFileSync(path.join(proxies, name), "utf8").replace(listen, own).replace("127.0.0.1:7440", `127.0.0.1:${port()}`);

/** A configuration of nginx that someone has who never thought of anything but pages. */
const plain = (lines) => (own) => `server { listen 127.0.0.1:${own}; location / { proxy_pass http://127.0.0.1:${port()}; proxy_set_header Host localhost; ${lines} } }`;

function nginx(folder, site) {
  writeFileSync(path.join(folder, "site.conf"), site);
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(" ");
  writeFileSync(path.join(folder, "nginx.conf"), `pid ${folder}/pid; daemon off; events {} http { access_log off; ${paths} include ${folder}/site.conf; }`);
  return spawn("nginx", ["-p", folder, "-e", path.join(folder, "error.log"), "-c", path.join(folder, "nginx.conf")], { stdio: "inherit" });
}

function haproxy(folder, site) {
  writeFileSync(path.join(folder, "haproxy.cfg"), site);
  return spawn("haproxy", ["-db", "-q", "-f", path.join(folder, "haproxy.cfg")], { stdio: "inherit" });
}

const cases = {
  "nginx as the page says": [nginx, (own) => ours("nginx.conf", "listen 80;", `listen 127.0.0.1:${own};`), "websocket"],
  "nginx with a proxy_pass alone": [nginx, plain(""), "stream"],
  "nginx that gathers whatever it is told": [nginx, plain("proxy_ignore_headers X-Accel-Buffering;"), "poll"],
  "haproxy as the page says": [haproxy, (own) => ours("haproxy.cfg", "bind :80", `bind 127.0.0.1:${own}`), "websocket"],
};

async function freePort() {
  const door = net.createServer().listen(0, "127.0.0.1");
  await once(door, "listening");
  const { port } = door.address();
  door.close();
  await once(door, "close");
  return port;
}

async function listens(own) {
  for (;;) {
    const probe = net.connect(own, "127.0.0.1");
    const isThere = await new Promise((resolve) => probe.once("connect", () => resolve(true)).once("error", () => resolve(false)));
    probe.destroy();
    if (isThere) return;
    await new Promise(setImmediate);
  }
}

describe("through", () => {
  for (const [words, [start, site, expected]] of Object.entries(cases)) {
    test(words, { timeout: 60_000, skip: !isHere(start.name) && `${start.name} is neither here nor to be had` }, async () => {
      const own = await freePort();
      const proxy = start(mkdtempSync(path.join(tmpdir(), "slotcast-proxy-")), site(own));
      try {
        await listens(own);
        const object = `proxies/${words.replaceAll(/[^a-z0-9]/gi, "-")}`;
        const scenes = [enter("near", port(), object), enter("far", own, object)];
        await Promise.all(scenes.map((scene) => live(scene, 10_000)));
        assert.equal(scenes[1].client.transport, expected);
        await Promise.all(scenes.map((scene) => scene.so.ready));
        for (const [at, scene] of scenes.entries()) write(scene, [`${at}`, 200, SEED + at]);
        await Promise.all(scenes.map((scene) => scene.running));
        await settle(scenes);
        for (const { client } of scenes) client.close();
      } finally {
        proxy.kill();
        await once(proxy, "exit");
      }
    });
  }
});
