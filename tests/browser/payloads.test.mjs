// What others write is text: two hundred payloads in all that the demo pages show of them, and nothing runs.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { binary, root } from "./stage.mjs";
import { shows, windows } from "./windows.mjs";

const { visit, port } = windows();

// Each would set `ran`, or ask for something that the page's policy would complain of.
const bare = ["<script>ran=1</script>", "<img src=x onerror=ran=1>", "<svg onload=ran=1>", "<body onload=ran=1>", "<iframe srcdoc='<script>parent.ran=1</script>'>",
  "<a href=javascript:ran=1>a</a>", "<style>@import'//evil.example'</style>", "<base href=//evil.example>", "<math><mi xlink:href=javascript:ran=1>", "<form action=javascript:ran=1>",
  "<object data=javascript:ran=1>", "<embed src=javascript:ran=1>", "<link rel=import href=//evil.example>", "<details open ontoggle=ran=1>", "<video src onerror=ran=1>",
  "javascript:ran=1", "{{constructor.constructor('ran=1')()}}", "${ran=1}", "<!--<img src=--><img src=x onerror=ran=1>//", "<template><img src=x onerror=ran=1></template>"];
const wraps = [["", ""], ["\"'>", ""], ["</p>", ""], ["</title>", ""], ["<x ", ">"], ["'", "'"], ["`", "`"], ["\u202e", ""], ["&lt;", "&gt;"], ["--></style></script>", ""]];
const payloads = wraps.flatMap(([before, behind]) => bare.map((payload) => before + payload + behind));
/** As names: they have 64 bytes at the most, and no `*`. */
const names = bare.filter((payload) => payload.length < 60);
/** As one's own, which the pages take up to 24 letters long. */
const short = bare.filter((payload) => payload.length <= 24);

async function write(object, user, ops) {
  const url = `http://127.0.0.1:${port()}/v1/objects/${object}?user=${encodeURIComponent(user)}`;
  const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ops }) });
  assert.equal(answer.status, 200, await answer.text());
}

async function nothingRan(page) {
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  assert.deepEqual(await page.evaluate(() => [window.ran, document.querySelectorAll("iframe, object, embed, base, script:not([src])").length]), [undefined, 0]);
}

function watched(page) {
  page.on("dialog", (dialog) => assert.fail(`a dialog: ${dialog.message()}`));
  return page;
}

describe("payloads", () => {
  test("no page has a script or a style of its own in its text", () => {
    const folders = ["demos", ...readdirSync(path.join(root, "demos"), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => `demos/${entry.name}`)];
    const pages = folders.flatMap((folder) => readdirSync(path.join(root, folder)).filter((name) => name.endsWith(".html")).map((name) => path.join(root, folder, name)));
    assert.ok(pages.length >= 4, "the pages are found");
    for (const page of pages) {
      const text = readFileSync(page, "utf8");
      assert.doesNotMatch(text, /<script(?![^>]*\bsrc=)|<style|\son\w+\s*=|\sstyle\s*=|javascript:/i, page);
    }
  });

  test("two hundred of them in the chat, and in every name", async () => {
    assert.equal(payloads.length, 200);
    for (let at = 0; at < payloads.length; at += 40) {
      const ops = payloads.slice(at, at + 40).map((text) => ({ op: "append", slot: "log", value: { text } }));
      await write("chat/payloads", names[(at / 40) % names.length], ops);
    }
    await write("chat/payloads", names[0], [{ op: "set", slot: "topic", value: payloads[1] }]);
    const page = watched(await visit(`/chat/?room=payloads&user=${encodeURIComponent(short[0])}`));
    watched(await visit(`/chat/?room=payloads&user=${encodeURIComponent(short[1])}`));
    await shows(page, () => [...document.querySelectorAll("#log .text")].map((text) => text.textContent), payloads);
    await nothingRan(page);
  });

  test("on the board, in the show and among those who ask", async () => {
    await write("board/home", names[0], payloads.slice(0, 24).map((value, lamp) => ({ op: "set", slot: `lamp.${lamp}`, value })));
    await write("slides/payloads", names[0], [{ op: "set", slot: "speaker", value: payloads[1] }, { op: "set", slot: "slide", value: payloads[2] }]);
    for (const name of names.slice(0, 5)) {
      const asked = spawnSync(binary, ["friends", "ask", "eve", "--url", `ws://127.0.0.1:${port()}`, "--user", name], { encoding: "utf8" });
      assert.equal(asked.status, 0, asked.stderr);
    }
    await nothingRan(watched(await visit("/?user=ada")));
    const show = watched(await visit("/slides/?deck=payloads&user=ada"));
    await shows(show, () => document.querySelector("#floor").textContent, `${payloads[1]} speaks`);
    await nothingRan(show);
    const messenger = watched(await visit("/messenger/?user=eve"));
    await shows(messenger, () => document.body.textContent.includes("<script>ran=1</script>"), true);
    await nothingRan(messenger);
  });
});
