// A hostile proxy: what stands between people and servers, and breaks what they say. Two layers, as in life: one that only sees bytes, one that reads HTTP.
import { once } from "node:events";
import http from "node:http";
import net from "node:net";

/**
 * Lays a proxy before `port`. Its `mood` may change at any time; what it says holds for each connection and request from then on:
 * - `delay_ms`: bytes take so long, each way
 * - `cut_ms`, `cut_bytes`: a connection ends after so long, or so many bytes to the client, in the middle of whatever is said; `() => number` for each anew
 * - `idle_ms`: a connection on which nothing is said for so long ends
 * - `upgrade`: a status (an Upgrade is refused with it), `"swallow"` (it is never answered), `"strip"` (it is passed on as an ordinary request)
 * - `gathers`: an answer is sent when it has ended
 * - `truncates`: `(path) => number`: so many bytes of the answer's body, and then a proper end
 */
export async function layProxy(port, mood = {}) {
  const proxy = { mood, upgrades: 0, requests: [], idleCuts: 0, port: 0, cut: () => bytes.cut(), close: () => void (bytes.close(), words.close()) };
  const words = await layWords(port, proxy);
  const bytes = await layBytes(words.port, proxy);
  proxy.port = bytes.port;
  return proxy;
}

const number = (limit) => (typeof limit === "function" ? limit() : limit);

/** Bytes later, and in their order. */
function passLater(from, to, proxy, each = (bytes) => bytes) {
  let last = Promise.resolve();
  const later = (act) => {
    const { delay_ms = 0 } = proxy.mood;
    const ready = delay_ms > 0 ? new Promise((resolve) => setTimeout(resolve, delay_ms)) : undefined;
    last = last.then(() => ready).then(act);
  };
  from.on("data", (bytes) => later(() => void (to.writable && to.write(each(bytes)))));
  from.on("end", () => later(() => to.end()));
}

async function layBytes(port, proxy) {
  const pairs = new Set();
  const door = net.createServer((near) => {
    const { cut_ms, cut_bytes, idle_ms } = proxy.mood;
    const far = net.connect(port, "127.0.0.1");
    const end = () => {
      clearTimeout(timer);
      pairs.delete(end);
      for (const socket of [near, far]) socket.destroy();
    };
    const timer = cut_ms && setTimeout(end, number(cut_ms));
    let left = number(cut_bytes) ?? Number.POSITIVE_INFINITY;
    pairs.add(end);
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on("error", end).on("close", end);
    }
    if (idle_ms) near.setTimeout(idle_ms, () => void (proxy.idleCuts++, end()));
    passLater(near, far, proxy);
    passLater(far, near, proxy, (bytes) => {
      left -= bytes.length;
      if (left > 0) return bytes;
      setImmediate(end);
      return bytes.subarray(0, bytes.length + left);
    });
  });
  door.listen(0, "127.0.0.1");
  await once(door, "listening");
  const cut = () => {
    for (const end of [...pairs]) end();
  };
  const close = () => {
    door.close();
    cut();
  };
  return { port: door.address().port, cut, close };
}

async function layWords(port, proxy) {
  const door = http.createServer((request, answer) => pass(request, answer, port, proxy));
  const tunnels = new Set();
  door.on("upgrade", (request, near, head) => {
    proxy.upgrades++;
    const { upgrade } = proxy.mood;
    near.on("error", () => near.destroy());
    if (upgrade === "swallow") return;
    if (typeof upgrade === "number") return near.end(`HTTP/1.1 ${upgrade} No\r\nContent-Length: 3\r\n\r\nno\n`);
    const far = net.connect(port, "127.0.0.1");
    for (const [one, other] of [[near, far], [far, near]]) {
      tunnels.add(one);
      one.on("error", () => other.destroy()).on("close", () => void (tunnels.delete(one), other.destroy()));
    }
    far.write(`GET ${request.url} HTTP/1.1\r\n${upgradeHeaders(request, upgrade === "strip")}\r\n\r\n`);
    far.write(head);
    near.pipe(far).pipe(near);
  });
  door.listen(0, "127.0.0.1");
  await once(door, "listening");
  const close = () => {
    door.close();
    door.closeAllConnections();
    for (const socket of tunnels) socket.destroy();
  };
  return { port: door.address().port, close };
}

function upgradeHeaders({ rawHeaders }, isStripped) {
  const lines = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (!isStripped || !/^(connection|upgrade)$/i.test(rawHeaders[at])) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  }
  return lines.join("\r\n");
}

function pass(request, answer, port, proxy) {
  const { gathers, truncates } = proxy.mood;
  proxy.requests.push(`${request.method} ${request.url}`);
  const { method, url, headers } = request;
  const onward = http.request({ host: "127.0.0.1", port, method, path: url, headers, agent: false });
  onward.on("error", () => answer.destroy());
  answer.on("error", () => onward.destroy()).on("close", () => onward.destroy());
  onward.on("response", (response) => {
    const { "content-length": _length, "transfer-encoding": _coding, connection: _connection, ...kept } = response.headers;
    const start = () => answer.writeHead(response.statusCode, kept);
    let left = truncates?.(url) ?? Number.POSITIVE_INFINITY;
    const gathered = [];
    if (!gathers) {
      start();
      answer.flushHeaders();
    }
    response.on("error", () => answer.destroy());
    response.on("data", (bytes) => {
      const part = bytes.subarray(0, Math.max(0, left));
      left -= bytes.length;
      if (gathers) gathered.push(part);
      else answer.write(part);
      if (left < 0) answer.end(Buffer.concat(gathered));
    });
    response.on("end", () => {
      if (gathers && !answer.headersSent) start();
      answer.end(Buffer.concat(gathered));
    });
  });
  request.pipe(onward);
}
