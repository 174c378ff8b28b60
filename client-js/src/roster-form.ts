// The canonical forms of a roster, and its tags (protocol.md, section Roster). The MD5 is a cache tag and no security measure.

import { joined, sized, u32 } from "./bytes.ts";
import { md5 } from "./md5.ts";
import { compareUtf8 } from "./msgpack.ts";

/** Who of the two sees whom: neither, the owner the friend, the friend the owner, both. */
export type Sub = "none" | "to" | "from" | "both";

/** Someone on an owner's list. */
export interface Friend {
  readonly id: string;
  /** What the owner calls them. */
  readonly alias?: string | undefined;
  readonly sub: Sub;
  /** The owner has asked and has no answer yet. */
  readonly asked?: boolean | undefined;
  /** The owner lets them in when they ask. */
  readonly approved?: boolean | undefined;
  readonly groups?: readonly string[] | undefined;
}

/** Which list it is; `rev` and `epoch` may be beyond 2^53 and are only compared. */
export interface Tag {
  readonly epoch: bigint;
  readonly rev: bigint;
  readonly md5: string;
}

const utf8 = new TextEncoder();
const subs: Readonly<Record<Sub, number>> = { none: 0, to: 1, from: 2, both: 3 };
const tagRule = /^([0-9a-f]{16})\.(0|[1-9][0-9]{0,19})\.([0-9a-f]{32})$/;
const rev_max = 2n ** 64n - 1n;

/** The bytes under the fingerprint of a friend list. The order of the friends and of their groups does not matter. */
export function friendsForm(owner: string, friends: Iterable<Friend>): Uint8Array {
  const records = [...friends].sort((left, right) => compareUtf8(nfc(left.id), nfc(right.id)));
  return joined([...head("roster-fp/1\0", owner, records.length), ...records.flatMap(record)]);
}

/** The bytes under the fingerprint of a block list. */
export function blocksForm(owner: string, blocks: Iterable<string>): Uint8Array {
  const users = inOrder(blocks);
  return joined([...head("block-fp/1\0", owner, users.length), ...users.flatMap(text)]);
}

/** The MD5 of a friend list: 32 hex digits. */
export function friendsMd5(owner: string, friends: Iterable<Friend>): string {
  return md5(friendsForm(owner, friends));
}

/** The MD5 of a block list: 32 hex digits. */
export function blocksMd5(owner: string, blocks: Iterable<string>): string {
  return md5(blocksForm(owner, blocks));
}

/** The parts of a tag; undefined if it is none. */
export function parseTag(tag: string): Tag | undefined {
  const [whole, epoch = "", rev = "", md5 = ""] = tagRule.exec(tag) ?? [];
  if (whole === undefined || whole.length !== tag.length || BigInt(rev) > rev_max) return undefined;
  return { epoch: BigInt(`0x${epoch}`), rev: BigInt(rev), md5 };
}

function head(label: string, owner: string, count: number): Uint8Array[] {
  return [utf8.encode(label), ...text(owner), u32(count)];
}

function record(friend: Friend): Uint8Array[] {
  const flags = (friend.asked ? 1 : 0) | (friend.approved ? 2 : 0);
  const groups = inOrder(friend.groups ?? []);
  return [
    ...text(friend.id),
    ...text(friend.alias ?? ""),
    new Uint8Array([subs[friend.sub], flags]),
    u32(groups.length),
    ...groups.flatMap(text),
  ];
}

/** By their bytes, none twice. */
function inOrder(texts: Iterable<string>): string[] {
  return [...new Set([...texts].map(nfc))].sort(compareUtf8);
}

function text(text: string): Uint8Array[] {
  return sized(utf8.encode(nfc(text)));
}

function nfc(text: string): string {
  return text.normalize("NFC");
}
