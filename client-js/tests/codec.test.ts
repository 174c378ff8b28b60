// The codec and what stands on it: MessagePack, names, values, MD5, fingerprints, messages.

import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonical, fingerprint } from "../src/fingerprint.ts";
import { md5 } from "../src/md5.ts";
import { decode, encode, MalformedValue } from "../src/msgpack.ts";
import { isDeviceName, isFollowed, isObjectName, isPattern, isSendName, isSlotName, isUserName } from "../src/names.ts";
import { applied } from "../src/ops.ts";
import { encodeMessage } from "../src/protocol.ts";
import { patched, sameValue, sum, type Value } from "../src/values.ts";
import { decodeMessage } from "./decoded.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

describe("MessagePack", () => {
  test.each<[Value, string]>([
    [null, "c0"],
    [true, "c3"],
    [0, "00"],
    [-0, "00"],
    [127, "7f"],
    [128, "cc80"],
    [256, "cd0100"],
    [65536, "ce00010000"],
    [2 ** 32, "cf0000000100000000"],
    [-1, "ff"],
    [-33, "d0df"],
    [-129, "d1ff7f"],
    [-32769, "d2ffff7fff"],
    [-(2 ** 31) - 1, "d3ffffffff7fffffff"],
    [2n ** 64n - 1n, "cfffffffffffffffff"],
    [-(2n ** 63n), "d38000000000000000"],
    [1.5, "cb3ff8000000000000"],
    [2 ** 53, "cb4340000000000000"],
    ["ä", "a2c3a4"],
    [new Uint8Array([1, 2]), "c4020102"],
    [[1, [2]], "92019102"],
    [{ a: 1, b: { c: null } }, "82a16101a16281a163c0"],
  ])("%o is %s", (value, bytes) => {
    expect(hex(encode(value))).toBe(bytes);
    expect(sameValue(decode(unhex(bytes)), value)).toBe(true);
  });

  test.each([
    ["nothing", "", "bad_message"],
    ["a string that ends too early", "a5616263", "bad_message"],
    ["an array that promises 4 billion", "ddffffffff", "bad_message"],
    ["a map that promises 4 billion", "dfffffffff", "bad_message"],
    ["more than one value", "0101", "bad_message"],
    ["an extension", "d40001", "bad_value"],
    ["the byte that is never used", "c1", "bad_message"],
    ["not a number", "cb7ff8000000000000", "bad_value"],
    ["infinity as float 32", "ca7f800000", "bad_value"],
    ["text that is not UTF-8", "a1ff", "bad_message"],
    ["a number as key", "810101", "bad_value"],
    ["one key twice", "82a16101a16102", "bad_value"],
    ["__proto__", "81a95f5f70726f746f5f5f80", "bad_value"],
    ["constructor", "81ab636f6e7374727563746f7280", "bad_value"],
    ["17 levels", `${"91".repeat(16)}00`, "too_deep"],
    ["a million levels", "91".repeat(1_000_000), "too_deep"],
  ])("%s is refused", (_, bytes, code) => {
    expect(() => decode(unhex(bytes))).toThrow(expect.objectContaining({ code }));
  });

  test("16 levels are not too deep", () => {
    expect(hex(encode(decode(unhex(`${"91".repeat(15)}00`))))).toBe(`${"91".repeat(15)}00`);
  });

  test("what was written is read, and random bytes do no harm", () => {
    const value = fc
      .jsonValue({ maxDepth: 6 })
      .filter((value) => !/__proto__|constructor|prototype/.test(JSON.stringify(value)));
    fc.assert(fc.property(value, (value) => sameValue(decode(encode(value)), value as Value)));
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
        (n) => BigInt(decode(encode(n)) as bigint) === n,
      ),
    );
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (n) => Object.is(decode(encode(n)), n + 0)),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const read of [() => decode(bytes), () => decodeMessage(bytes)]) {
          try {
            read();
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedValue);
          }
        }
      }),
      { numRuns: 2000 },
    );
    expect({}).not.toHaveProperty("polluted");
  });
});

test("MD5 is that of RFC 1321", () => {
  expect(md5(new TextEncoder().encode("message digest"))).toBe("f96b697d7cb7938d525a2f31aaf161d0");
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      (bytes) => md5(bytes) === createHash("md5").update(bytes).digest("hex"),
    ),
  );
});

test("fingerprints do not depend on order or on how a number is written", () => {
  const slots: [string, Value][] = [
    ["b", { y: 1, x: [1.5] }],
    ["a", 2n ** 53n],
  ];
  const same: [string, Value][] = [
    ["a", 2 ** 53],
    ["b", { x: [1.5], y: 1 }],
  ];
  expect(fingerprint(slots)).toBe(fingerprint(same));
  expect(fingerprint(slots)).not.toBe(fingerprint([["a", 1]]));
  expect(hex(canonical([["a", 1]]))).toBe(
    `${hex(new TextEncoder().encode("slotcast-object/1\0"))}00000001${"00000001"}61${"00000001"}01`,
  );
  // Sorted by bytes: the last plane's characters follow those of the private use area, other than in UTF-16.
  expect(
    hex(
      canonical([
        ["\u{10000}", 1],
        ["\uffff", 1],
      ]),
    ),
  ).toMatch(/efbfbf.*f0908080/);
});

test("names", () => {
  for (const name of ["chat", "chat/1", "a/b/c/d/e/f/g/h", "~alice/x", `k/${"x".repeat(253)}`, ".a/b..", "a/..."])
    expect([name, isObjectName(name)]).toEqual([name, true]);
  for (const name of [
    "",
    "/a",
    "a/",
    "a//b",
    "a/.",
    "../a",
    "a/../b",
    "a/b/c/d/e/f/g/h/i",
    "a/ä",
    "a/b c",
    "a/b\n",
    `k/${"x".repeat(254)}`,
  ])
    expect([name, isObjectName(name)]).toEqual([name, false]);
  for (const slot of ["a", "@ada", "ä".repeat(64), "bid.1", "a b"])
    expect([slot, isSlotName(slot)]).toEqual([slot, true]);
  for (const slot of ["", "a*", "a\u0000", "a\u009f", "__proto__", "constructor", "ä".repeat(65), "\ud800"])
    expect([slot, isSlotName(slot)]).toEqual([slot, false]);
  expect(["*", "@*", "bid.*", "bid", "a**", "", "*a"].map(isPattern)).toEqual([
    true,
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
  expect([
    isUserName("ada"),
    isUserName("@ada"),
    isDeviceName("a-b.c~_"),
    isDeviceName("a b"),
    isSendName("a*"),
    isSendName(""),
  ]).toEqual([true, false, true, false, true, false]);
  expect([isFollowed("bid.1", ["bid.*"]), isFollowed("bid", ["bid.*"]), isFollowed("x", undefined)]).toEqual([
    true,
    false,
    true,
  ]);
});

describe("values", () => {
  test.each<[Value, (string | number)[], Value, Value | "wrong_type"]>([
    [{ a: 1 }, ["b"], 2, { a: 1, b: 2 }],
    [{ a: { b: [1] } }, ["a", "b", 1], 2, { a: { b: [1, 2] } }],
    [{ a: 1 }, ["a"], null, {}],
    [{ a: 1 }, ["b"], null, { a: 1 }],
    [[1, 2, 3], [1], null, [1, 3]],
    [[1], [5], null, [1]],
    [[1], [2], 1, "wrong_type"],
    [{ a: 1 }, ["a", "b"], 1, "wrong_type"],
    [{ a: 1 }, ["x", "y"], null, "wrong_type"],
    [{ a: 1 }, ["toString", "y"], 1, "wrong_type"],
    [[1], ["0"], 1, "wrong_type"],
    [7, ["a"], 1, "wrong_type"],
  ])("%j patched at %j with %j is %j", (whole, path, value, expected) => {
    const act = () => patched(whole, path, value);
    if (expected === "wrong_type") expect(act).toThrow(expect.objectContaining({ code: "wrong_type" }));
    else expect(act()).toEqual(expected);
  });

  test("sums", () => {
    expect([sum(1, 2), sum(1, 0.5), sum(2 ** 53 - 1, 1), sum(2n ** 53n, -1), sum(2n ** 60n, 0.5)]).toEqual([
      3,
      1.5,
      2n ** 53n,
      2 ** 53 - 1,
      2 ** 60,
    ]);
    expect(() => sum(2n ** 64n - 1n, 1)).toThrow(expect.objectContaining({ code: "bad_value" }));
    expect(() => sum(Number.MAX_VALUE, Number.MAX_VALUE)).toThrow(expect.objectContaining({ code: "bad_value" }));
    expect(() => applied("x", { op: "add", slot: "a", value: 1 }, { user: "", now_ms: 0 })).toThrow("no number");
  });
});

describe("messages", () => {
  test.each([
    [{ type: "hello", device: "d" }, [1, null, "d"]],
    [{ type: "use", object: "a/b", slots: ["x*"] }, [2, "a/b", null, ["x*"]]],
    [{ type: "use", object: "a/b", cursor: { epoch: 1, version: 2, sends: 3 } }, [2, "a/b", [1, 2, 3]]],
    [
      { type: "write", id: 5, object: "a/b", ops: [{ op: "set", slot: "a", value: null }] },
      [4, 5, "a/b", null, null, null, [[1, "a", null]]],
    ],
    [
      {
        type: "write",
        id: 5,
        object: "a/b",
        epoch: 1,
        seen: 2,
        if: { a: 0 },
        ops: [{ op: "append", slot: "a", value: 1, stamp: true }],
      },
      [4, 5, "a/b", 1, 2, { a: 0 }, [[7, "a", 1, null, true]]],
    ],
    [{ type: "send", id: 1, object: "a/b", name: "n", value: null }, [5, 1, "a/b", "n", null]],
    [{ type: "ping" }, [7]],
  ] as const)("%j", (message, fields) => {
    expect(decode(encodeMessage(message))).toEqual(fields);
  });

  test("unknown types, kinds and trailing fields are ignored, wrong shapes are refused", () => {
    expect(decodeMessage(encode([99, 1]))).toBeUndefined();
    expect(decodeMessage(encode([25, "a/b", "new field"]))).toEqual({ type: "released", object: "a/b" });
    expect(
      decodeMessage(
        encode([
          21,
          "a/b",
          1,
          2,
          [
            [9, "x"],
            [2, "s", 2, "u", "new"],
          ],
          0,
        ]),
      ),
    ).toMatchObject({ changes: [{ change: "delete", slot: "s" }] });
    for (const frame of [
      [],
      ["16"],
      [21, "a/b", -1, 2, []],
      [21, "a/b", 1, 2, [[1]]],
      [20, "a/b", 1, 1, 0, [[1]]],
      { a: 1 },
      [16, "s", "u", "d", 1.5, {}],
    ]) {
      expect(() => decodeMessage(encode(frame))).toThrow(MalformedValue);
    }
  });
});
