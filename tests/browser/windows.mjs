// Windows on the demo pages: a server and a browser for a file of tests, each window on a wire of its own. No page may complain.
import assert from "node:assert/strict";
import { after, afterEach, before } from "node:test";
import { complaintsOf, layWire, startBrowser, startServer } from "./stage.mjs";

/** To be called once in a file, outside its tests. */
export function windows() {
  let server;
  let browser;
  let open = [];

  before(async () => {
    server = await startServer();
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });
  afterEach(async () => {
    const complaints = open.flatMap(({ complaints }) => complaints);
    for (const { context, wire } of open) {
      await context.close();
      wire.close();
    }
    open = [];
    assert.deepEqual(complaints, [], "no page complains");
  });

  /** Opens a window of one's own, and waits until it is live, or asks for a name; one without our script is plain. `beside`: in the same browser as that page, on its wire. */
  async function visit(address, { isAsked = false, isPlain = false, port = server.port, beside, ...options } = {}) {
    const wire = beside?.wire ?? (await layWire(port));
    const context = beside?.context() ?? (await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options }));
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    open.push({ context, wire, complaints: complaintsOf(page) });
    page.wire = wire;
    await page.goto(`http://127.0.0.1:${wire.port}${address}`);
    if (isAsked) await page.waitForSelector("#ask[open]");
    else if (!isPlain) await live(page);
    return page;
  }

  return { visit, port: () => server.port };
}

export const live = (page) => page.waitForSelector("#state[data-state=live]");
export const gone = (page) => page.waitForSelector("#state:not([data-state=live])");
export const back = async (page) => {
  page.wire.mend();
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await live(page);
};

/** Waits until the page's `read` gives `expected`; says what it was if it never does. */
export async function shows(page, read, expected) {
  // Made into one function here: the page's policy lets it make none.
  const isSo = new Function("wanted", `return JSON.stringify((${read})()) === wanted`);
  try {
    await page.waitForFunction(isSo, JSON.stringify(expected), { polling: 20 });
  } catch {
    assert.deepEqual(await page.evaluate(read), expected);
  }
}
