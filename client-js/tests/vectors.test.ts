// The cases that every implementation reads: tests/vectors of the repository.

import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Copy } from "../src/copy.ts";
import { canonical, fingerprint } from "../src/fingerprint.ts";
import type { ObjectMessage } from "../src/incoming.ts";
import { decode, encode, MalformedValue, narrow } from "../src/msgpack.ts";
import { isDeviceName, isFollowed, isObjectName, isPattern, isSendName, isSlotName, isUserName } from "../src/names.ts";
import { applied } from "../src/ops.ts";
import { type ClientMessage, encodeMessage, type Operation, type SlotRecord } from "../src/protocol.ts";
import { isKnownCode, Rejected } from "../src/rejected.ts";
import { Replica } from "../src/replica.ts";
import { sameValue, Unfit, type Value } from "../src/values.ts";
import type { Wire } from "../src/wire.ts";
import { decodeMessage } from "./decoded.ts";

const folder = new URL("../../tests/vectors/", import.meta.url);

type Json = Record<string, unknown>;

/** Reads a file with its integers beyond 2^53 whole, and `$bin` as bytes. */
function read<T>(name: string): T {
  const text = readFileSync(new URL(name, folder), "utf8").replace(/(?<=[[:,] ?)-?\d{16,}(?=[,}\]])/g, '{"$int":"$&"}');
  return JSON.parse(text, (_, value: unknown) => {
    if (typeof value !== "object" || value === null || Object.keys(value).length !== 1) return value;
    if ("$int" in value) return narrow(BigInt(String(value.$int)));
    if ("$bin" in value && typeof value.$bin === "string") return new Uint8Array(Buffer.from(value.$bin, "base64"));
    return value;
  });
}

const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const show = (value: Value | undefined) => (value === undefined ? undefined : hex(encode(value, 24, true)));

describe.skipIf(!existsSync(new URL("wire.json", folder)))("vectors", () => {
  test("values", () => {
    interface Row {
      name: string;
      hex: string;
      json: Value;
      also?: string[];
      code?: string;
    }
    const { good, read: readable, bad } = read<Record<"good" | "read" | "bad", Row[]>>("values.json");
    for (const row of [...good, ...readable]) {
      for (const bytes of [row.hex, ...(row.also ?? [])]) {
        expect([row.name, sameValue(decode(encode(row.json)), decode(encode(decode(unhex(bytes)))))]).toEqual([
          row.name,
          true,
        ]);
      }
    }
    for (const row of good)
      expect([row.name, hex(encode(decode(unhex(row.hex))))]).toEqual([row.name, wholeFloats.get(row.hex) ?? row.hex]);
    for (const row of bad)
      expect(() => decode(unhex(row.hex)), row.name).toThrow(expect.objectContaining({ code: row.code }));
  });

  /** JavaScript has one kind of number: a whole one is written as an integer. */
  const wholeFloats = new Map([["cb0000000000000000", "00"]]);

  test("names", () => {
    const rules: Record<string, (name: string) => boolean> = {
      object: isObjectName,
      slot: isSlotName,
      pattern: isPattern,
      user: isUserName,
      device: isDeviceName,
      send: isSendName,
    };
    const { names, matches } = read<{
      names: Record<string, { good: string[]; bad: string[] }>;
      matches: { pattern: string; slot: string; hit: boolean }[];
    }>("names.json");
    for (const [kind, { good, bad }] of Object.entries(names)) {
      for (const name of good) expect([kind, name, rules[kind]?.(name)]).toEqual([kind, name, true]);
      for (const name of bad) expect([kind, name, rules[kind]?.(name)]).toEqual([kind, name, false]);
    }
    for (const { pattern, slot, hit } of matches)
      expect([pattern, slot, isFollowed(slot, [pattern])]).toEqual([pattern, slot, hit]);
  });

  test("fingerprints", () => {
    const { rows } = read<{
      rows: { name: string; slots_hex: Record<string, string>; canonical: string; md5: string }[];
    }>("fingerprint.json");
    for (const row of rows) {
      const slots = Object.entries(row.slots_hex).map(([slot, bytes]): [string, Value] => [slot, decode(unhex(bytes))]);
      expect([row.name, hex(canonical(slots))]).toEqual([row.name, row.canonical]);
      expect([row.name, fingerprint(slots)]).toEqual([row.name, row.md5]);
    }
  });

  test("operations", () => {
    interface Row {
      name: string;
      held_hex?: string;
      op: Operation;
      becomes_hex?: string;
      gone?: true;
      same?: true;
      code?: string;
    }
    for (const row of read<{ rows: Row[] }>("merge.json").rows) {
      const { op, held_hex, becomes_hex } = row;
      if (op.op === "clear") continue;
      const held = held_hex === undefined ? undefined : decode(unhex(held_hex));
      const act = () => show(applied(held, op, { user: "", now_ms: 0 }));
      if (row.code !== undefined) expect(act, row.name).toThrow(expect.objectContaining({ code: row.code }));
      else if (row.gone) expect([row.name, act()]).toEqual([row.name, undefined]);
      else
        expect([row.name, act()]).toEqual([row.name, row.same ? show(held) : show(decode(unhex(becomes_hex ?? "")))]);
    }
  });

  interface WireRow {
    name: string;
    json: Json & { type: string };
    hex: string;
    also?: string[];
  }

  test("requests", () => {
    for (const row of read<{ requests: WireRow[] }>("wire.json").requests) {
      const { cursor } = row.json as { cursor?: number[] };
      if (cursor?.length === 2) continue;
      const message = cursor
        ? { ...row.json, cursor: { epoch: cursor[0], version: cursor[1], sends: cursor[2] } }
        : row.json;
      const mine = decode(encodeMessage(message as unknown as ClientMessage), 24);
      expect([row.name, shortest(mine)]).toEqual([row.name, shortest(decode(unhex(row.hex), 24))]);
    }
  });

  /** Without trailing nils and false flags; `seen` left out means 0. */
  function shortest(message: Value): unknown {
    const fields = [...(message as Value[])];
    if (fields[0] === 4) {
      fields[4] ??= 0;
      fields[6] = (fields[6] as Value[]).map((op) => trimmed(op as Value[])) as Value;
    }
    return trimmed(fields);
  }

  function trimmed(fields: readonly Value[]): Value[] {
    const last = fields.findLastIndex((field) => field !== null && field !== false);
    return fields.slice(0, last + 1);
  }

  test("events", () => {
    const { events, unknown_events } = read<{ events: WireRow[]; unknown_events: { hex: string }[] }>("wire.json");
    for (const row of events) {
      for (const bytes of [row.hex, ...(row.also ?? [])]) {
        const message = decodeMessage(unhex(bytes)) as unknown as Json;
        const known = Object.keys(row.json).map((field) => [field, message[field] ?? null]);
        expect([row.name, Object.fromEntries(known)]).toEqual([row.name, row.json]);
      }
    }
    for (const { hex } of unknown_events) expect(decodeMessage(unhex(hex))).toBeUndefined();
  });

  test("what a server refuses does a client no harm either", () => {
    type Part = string | [string, number];
    const text = readFileSync(new URL("bad_wire.json", folder), "utf8");
    const { rows } = JSON.parse(text) as { rows: { name: string; hex?: string | Part[] }[] };
    for (const row of rows) {
      const parts: Part[] = typeof row.hex === "string" ? [row.hex] : (row.hex ?? []);
      const bytes = unhex(parts.map((part) => (typeof part === "string" ? part : part[0].repeat(part[1]))).join(""));
      try {
        decodeMessage(bytes);
      } catch (error) {
        expect([row.name, error instanceof MalformedValue]).toEqual([row.name, true]);
      }
    }
  });

  test("copies", () => {
    interface State {
      epoch: number;
      have: number;
      sends: number;
      slots: SlotRecord[];
    }
    type Frame = Extract<ObjectMessage, { type: "snapshot" | "diff" | "sent" }>;
    for (const row of read<{ rows: { name: string; copy: State; events: Frame[]; result: State | "fault" }[] }>(
      "apply.json",
    ).rows) {
      const posted: Value[] = [];
      const replica = new Replica("k", undefined, undefined, wire(posted));
      const { epoch, have, sends, slots } = row.copy;
      replica.welcomed();
      replica.received({
        type: "snapshot",
        object: "k",
        epoch,
        version: have,
        sends,
        slots,
        more: false,
        skipped: 0,
        part: 1,
        parts: 1,
      });
      for (const event of row.events) {
        if (event.type === "diff") replica.received({ ...event, skipped: event.skipped ?? 0 });
        else if (event.type === "snapshot")
          replica.received({ ...event, part: event.part ?? 1, parts: event.parts ?? 1 });
        else replica.received(event);
      }
      if (row.result === "fault") {
        expect([row.name, replica.faults, posted.at(-1)]).toEqual([row.name, 1, [2, "k"]]);
        continue;
      }
      replica.cut();
      replica.welcomed();
      const { result } = row;
      expect([row.name, posted.at(-1)]).toEqual([row.name, [2, "k", [result.epoch, result.have, result.sends]]]);
      expect([row.name, records(replica.copy)]).toEqual([row.name, result.slots]);
    }
  });

  function records(copy: Copy): SlotRecord[] {
    const slots = Array.from(copy.entries(), ([slot]) => slot).sort();
    return slots.flatMap((slot) => {
      const base = copy.base(slot);
      return base ? [{ slot, ...base }] : [];
    });
  }

  function wire(posted: Value[]): Wire {
    return {
      user: "al",
      now: () => 0,
      limit: () => 64,
      id: () => 1,
      post: (message) => posted.push(decode(message)),
      schedule: () => {},
      failed: () => {},
    };
  }

  test("codes, and which may succeed later", () => {
    const page = readFileSync(new URL("../../protocol.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| `(\w+)` \| (yes|no) \|/gm)];
    expect(rows.length).toBeGreaterThan(20);
    for (const [, code = "", retry] of rows) {
      expect([code, new Rejected(code, "").retry, isKnownCode(code)]).toEqual([code, retry === "yes", true]);
    }
  });

  test("what does not fit is told as such", () =>
    expect(() => applied("x", { op: "append", slot: "s", value: 1 }, { user: "", now_ms: 0 })).toThrow(Unfit));
});
