// tests/vectors/relay.json of the repository: what this client says and reads at the door of people.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { lineMessage, messageFields } from "../src/line-incoming.ts";
import { decode, MalformedValue } from "../src/msgpack.ts";
import { encodeMessage } from "../src/protocol.ts";
import { relayMessage } from "../src/relay-incoming.ts";
import { encodeRelay } from "../src/relay-protocol.ts";
import { isArray, type Value } from "../src/values.ts";

type Json = Record<string, unknown> & { type: string };
interface Row {
  readonly name: string;
  readonly json: Json;
  readonly hex: string;
  readonly also?: readonly string[];
}

const file: {
  readonly requests: readonly Row[];
  readonly events: readonly Row[];
  readonly refused: readonly { readonly name: string; readonly hex?: string | (string | [string, number])[] }[];
} = JSON.parse(
  readFileSync(new URL("../../tests/vectors/relay.json", import.meta.url), "utf8"),
  (_, value: { $bin?: string } | null) =>
    typeof value?.$bin === "string" ? new Uint8Array(Buffer.from(value.$bin, "base64")) : value,
);
const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

/** The fields, without the nils at the end: they may be left out. */
function shortest(bytes: Uint8Array): readonly Value[] {
  const fields = decode(bytes, 24);
  if (!isArray(fields)) throw new Error("no message");
  return fields.slice(0, fields.findLastIndex((field) => field !== null) + 1);
}

function said({ epoch, seq, ...json }: Json): Uint8Array {
  if (json.type === "hello" || json.type === "ping") return encodeMessage(json as never);
  const cursor = epoch === undefined ? undefined : { epoch, seq };
  return encodeRelay((json.type === "open" ? { type: "open", cursor } : { seq, ...json }) as never);
}

test("requests", () => {
  expect(file.requests.length).toBeGreaterThan(30);
  for (const { name, json, hex } of file.requests) {
    expect([name, shortest(said(json))]).toEqual([name, shortest(unhex(hex))]);
  }
});

/** Fields that are nil are undefined in what is read. */
function filled(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(filled);
  if (typeof json !== "object" || json === null || json instanceof Uint8Array) return json;
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, filled(value ?? null)]));
}

function read(bytes: Uint8Array): unknown {
  const fields = messageFields(bytes);
  return lineMessage(fields) ?? relayMessage(fields);
}

/** What was read, as the row says it: nil where there is none, and without fields that the row leaves out. */
function as(row: unknown, got: unknown): unknown {
  if (Array.isArray(row) && Array.isArray(got)) return got.map((item, at) => as(row[at], item));
  if (typeof row !== "object" || row === null || row instanceof Uint8Array) return got ?? null;
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, as(value, (got as Record<string, unknown>)[name])]),
  );
}

test("events", () => {
  expect(file.events.length).toBeGreaterThan(20);
  for (const { name, json, hex, also = [] } of file.events) {
    for (const bytes of [hex, ...also]) {
      expect([name, as(json, read(unhex(bytes)))]).toEqual([name, filled(json)]);
    }
  }
});

test("what a server refuses does a client no harm either", () => {
  for (const { name, hex = "" } of file.refused) {
    const parts = typeof hex === "string" ? [hex] : hex;
    const bytes = unhex(parts.map((part) => (typeof part === "string" ? part : part[0].repeat(part[1]))).join(""));
    try {
      read(bytes);
    } catch (error) {
      expect([name, error instanceof MalformedValue]).toEqual([name, true]);
    }
  }
});

test("events cut short, or of the wrong shape, are no messages", () => {
  for (const { name, hex } of file.events) {
    const bytes = unhex(hex);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => read(bytes.subarray(0, length)), `${name}, ${length} bytes`).toThrow(MalformedValue);
    }
  }
  const wrong = ["93300500", "9433000000", "923dc0", "923d9192a162a16f", "953aa174a174c0919101", "923ba1"];
  for (const hex of wrong) expect(() => read(unhex(hex)), hex).toThrow(MalformedValue);
  expect(read(unhex("9163"))).toBeUndefined();
});
