// tests/vectors/roster.json of the repository, row by row.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { blocksForm, blocksMd5, type Friend, friendsForm, friendsMd5, parseTag } from "../src/roster-form.ts";

interface Row {
  readonly name: string;
  readonly owner: string;
  readonly canonical: string;
  readonly md5: string;
}

interface File {
  readonly friends: readonly (Row & { readonly friends: readonly Friend[] })[];
  readonly blocks: readonly (Row & { readonly blocks: readonly string[] })[];
  readonly tags: {
    readonly good: readonly {
      readonly text: string;
      readonly epoch: string;
      readonly rev: string;
      readonly md5: string;
    }[];
    readonly bad: readonly string[];
  };
}

const file: File = JSON.parse(readFileSync(new URL("../../tests/vectors/roster.json", import.meta.url), "utf8"));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("friend lists", () => {
  expect(file.friends.length).toBeGreaterThan(20);
  for (const { name, owner, friends, canonical, md5 } of file.friends) {
    expect([name, hex(friendsForm(owner, friends))]).toEqual([name, canonical]);
    expect([name, friendsMd5(owner, friends)]).toEqual([name, md5]);
    expect([name, friendsMd5(owner, [...friends].reverse())]).toEqual([name, md5]);
  }
});

test("block lists", () => {
  expect(file.blocks.length).toBeGreaterThan(4);
  for (const { name, owner, blocks, canonical, md5 } of file.blocks) {
    expect([name, hex(blocksForm(owner, blocks))]).toEqual([name, canonical]);
    expect([name, blocksMd5(owner, blocks)]).toEqual([name, md5]);
  }
});

test("tags", () => {
  for (const { text, epoch, rev, md5 } of file.tags.good) {
    expect([text, parseTag(text)]).toEqual([text, { epoch: BigInt(`0x${epoch}`), rev: BigInt(rev), md5 }]);
  }
  for (const bad of file.tags.bad) expect([bad, parseTag(bad)]).toEqual([bad, undefined]);
});
