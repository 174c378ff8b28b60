// The stage of the browser tests: the real server, a wire that can be cut, Chromium, and what its pages complain of.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
export const binary = process.env.SLOTCAST_BIN ?? path.join(root, "target/release/slotcast");

/** A data folder of one's own; it goes with the machine's other temporary files. */
export const dataFolder = () => mkdtempSync(path.join(tmpdir(), "slotcast-browser-"));

/** Starts the server on a port of its choice; `stop` ends it and waits: at once like a crash, or as an operator does. */
export async function startServer(data = dataFolder()) {
  const words = ["serve", "--dev", "--listen", "127.0.0.1:0", "--pages", "demos", "--config", "demos/slotcast.toml", "--data", data];
  // All windows come from one address, and load their pages from here.
  const env = { ...process.env, SLOTCAST_LIMITS_STRANGERS_PER_ADDRESS: "0" };
  const server = spawn(binary, words, { cwd: root, env, stdio: ["ignore", "pipe", "inherit"] });
  const port = await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`the server ended with ${code} before it was ready`)));
    createInterface(server.stdout).on("line", (line) => {
      const found = /http:\/\/127\.0\.0\.1:(\d+)/.exec(line);
      if (found) resolve(Number(found[1]));
    });
  });
  const stop = async (signal = "SIGKILL") => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.kill(signal);
    await once(server, "exit");
  };
  return { port, stop };
}

/** A visitor's way to the server, on a port of its own: it can be cut, or lose all that the server says. */
export async function layWire(port) {
  const pairs = new Set();
  let target = port;
  let isCut = false;
  let isDeaf = false;
  const door = net.createServer((near) => {
    if (isCut) return near.destroy();
    const far = net.connect(target, "127.0.0.1");
    const pair = [near, far];
    pairs.add(pair);
    const end = () => {
      for (const socket of pair) socket.destroy();
      pairs.delete(pair);
    };
    for (const socket of pair) socket.on("error", end).on("close", end);
    near.pipe(far);
    far.on("data", (bytes) => isDeaf || near.write(bytes));
  });
  door.listen(0, "127.0.0.1");
  await once(door, "listening");
  return {
    port: door.address().port,
    /** Where it leads from now on. */
    lead(port) {
      target = port;
    },
    /** From now on the client hears nothing, though the server hears the client. */
    deafen() {
      isDeaf = true;
    },
    cut() {
      isCut = true;
      for (const [near, far] of pairs) for (const socket of [near, far]) socket.destroy();
    },
    mend() {
      isCut = isDeaf = false;
    },
    close() {
      this.cut();
      door.close();
    },
  };
}

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export const startBrowser = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });

/** A session over HTTP asks here. */
const isDoor = (url) => /\/(poll|stream|sse)(\/|$)/.test(new URL(url).pathname);

/**
 * Errors and warnings of a page, but for connections that a test has cut, and for sessions that have ended with them; a tab's icon, which comes late, may
 * be on one of them.
 */
export function complaintsOf(page) {
  const complaints = [];
  const isCut = (message) => {
    const { url } = message.location();
    const isLost = /net::ERR_/.test(message.text()) || / 410 /.test(message.text());
    return /WebSocket connection to .* failed/.test(message.text()) || (isLost && (/\/icon\.svg$/.test(url) || isDoor(url)));
  };
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !isCut(message)) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("response", (response) => {
    const isGone = response.status() === 410 && isDoor(response.url());
    if (response.status() >= 400 && !isGone) complaints.push(`${response.status()} ${response.url()}`);
  });
  return complaints;
}
