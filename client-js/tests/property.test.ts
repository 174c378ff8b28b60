// Three clients, random operations, delays and cuts: in the end all copies are the server's, and every write that was
// accepted was applied once.

import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import type { SharedObject } from "../src/object.ts";
import type { Rejected } from "../src/rejected.ts";
import { Scene } from "./scene.ts";

type Slots = Record<string, unknown>;
type Step =
  | { do: "set"; who: number; slot: string; value: number | null }
  | { do: "add" | "append" | "max" | "once"; who: number; slot: string; value: number }
  | { do: "patch"; who: number; slot: string; index: number; value: number | null }
  | { do: "batch" | "transact" | "send" | "clear" | "status"; who: number; value: number }
  | { do: "cut"; who: number }
  | { do: "server"; slot: string; value: number }
  | { do: "wait"; ms: number };

const who = fc.integer({ min: 0, max: 2 });
const slot = fc.constantFrom("a", "b", "list", "valueOf");
const value = fc.integer({ min: -9, max: 9 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("set" as const), who, slot, value: fc.option(value) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("add" as const, "max" as const, "once" as const),
      who,
      slot: fc.constantFrom("n", "m", "a"),
      value,
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("append" as const), who, slot: fc.constant("list"), value }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("patch" as const),
      who,
      slot: fc.constant("list"),
      index: fc.nat(3),
      value: fc.option(value),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("batch" as const, "transact" as const, "send" as const, "status" as const),
      who,
      value,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("clear" as const), who, value }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cut" as const), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("server" as const), slot, value }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 60 }) }) },
);

let scene: Scene | undefined;
afterEach(() => scene?.end());

function play(so: SharedObject<Slots>, step: Exclude<Step, { do: "cut" | "server" | "wait" }>): Promise<unknown> {
  switch (step.do) {
    case "set":
      return so.set(step.slot, step.value);
    case "add":
      return so.add(step.slot, step.value);
    case "max":
      return so.max(step.slot, step.value);
    case "once":
      return so.once(step.slot, step.value, { tie: step.value > 0 });
    case "append":
      return so.append(step.slot, step.value as never, { keep: 4 });
    case "patch":
      return so.patch(step.slot, [step.index], step.value);
    case "batch":
      return so.batch(() => {
        so.add("n", step.value);
        so.set("b", step.value);
      });
    case "transact":
      return so.transact((tx) => tx.set("t", ((tx.get("t") as number | undefined) ?? 0) + step.value));
    case "send":
      return so.send("hi", step.value);
    case "clear":
      return so.clear();
    case "status":
      return so.setStatus({ at: step.value });
  }
}

test("copies converge and nothing is applied twice", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 60 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      async (steps, delays, resumeByLog) => {
        scene?.end();
        const stage = new Scene(0.02);
        scene = stage;
        let turn = 0;
        stage.server.latency_ms = () => delays[turn++ % delays.length] ?? 1;
        stage.server.resumeByLog = resumeByLog;
        const users = ["ada", "bob", "eve"];
        const objects = users.map((user) => stage.client(user).object<Slots>("chat/1"));
        const outcomes: Promise<string>[] = [];
        for (const step of steps) {
          if (step.do === "wait") await stage.pass(step.ms);
          else if (step.do === "server") stage.server.do("chat/1", { op: "set", slot: step.slot, value: step.value });
          else if (step.do === "cut")
            stage.server.links.find(({ session }) => session?.user === users[step.who])?.cut();
          else {
            const so = objects[step.who];
            if (!so) continue;

            outcomes.push(
              play(so, step).then(
                () => "ok",
                (error: Rejected) => error.code,
              ),
            );
          }
        }
        await stage.pass(120_000);
        const codes = await Promise.all(outcomes);
        for (const code of codes) expect(["ok", "conflict", "wrong_type"]).toContain(code);
        const server = stage.server.object("chat/1");
        for (const so of objects) {
          expect(so.state).toBe("live");
          expect(so.faults).toBe(0);
          expect({ ...so.data }).toEqual({ ...server.values() });
          expect(so.version).toBe(server.version);
        }
        expect(new Set(server.appliedIds).size).toBe(server.appliedIds.length);
        expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(prototypeNames);
      },
    ),
    { numRuns: Number(process.env.RUNS ?? 150) },
  );
});

const prototypeNames = Object.getOwnPropertyNames(Object.prototype).sort();

test("additions from everywhere add up", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ who, value, wait: fc.integer({ min: 0, max: 30 }), cut: fc.boolean() }), {
        minLength: 1,
        maxLength: 40,
      }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
      async (steps, delays) => {
        scene?.end();
        const stage = new Scene(0.02);
        scene = stage;
        let turn = 0;
        stage.server.latency_ms = () => delays[turn++ % delays.length] ?? 1;
        const users = ["ada", "bob", "eve"];
        const objects = users.map((user) => stage.client(user).object<{ n: number }>("chat/1"));
        const own = [0, 0, 0];
        await stage.pass(200);
        for (const { who, value, wait, cut } of steps) {
          objects[who]?.add("n", value);
          own[who] = (own[who] ?? 0) + value;
          if (cut) stage.server.links.find(({ session }) => session?.user === users[who])?.cut();
          await stage.pass(wait);
        }
        await stage.pass(120_000);
        const total = own.reduce((sum, part) => sum + part, 0);
        for (const so of objects) expect(so.get("n")).toBe(total);
      },
    ),
    { numRuns: Number(process.env.RUNS ?? 60) },
  );
});

test("an addition never shows twice and never vanishes, whatever the line does", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ wait: fc.integer({ min: 0, max: 30 }), cut: fc.boolean() }), {
        minLength: 1,
        maxLength: 20,
      }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
      async (steps, delays) => {
        scene?.end();
        const stage = new Scene(0.02);
        scene = stage;
        let turn = 0;
        stage.server.latency_ms = () => delays[turn++ % delays.length] ?? 1;
        const so = stage.client("ada").object<{ n: number }>("chat/1");
        let sum = 0;
        for (const { wait, cut } of [...steps, { wait: 3000, cut: false }]) {
          so.add("n", 1);
          sum++;
          if (cut) stage.server.links[0]?.cut();
          for (let ms = 0; ms < wait; ms += 3) {
            await stage.pass(3);
            expect(so.get("n")).toBe(sum);
          }
        }
      },
    ),
    { numRuns: Number(process.env.RUNS ?? 40) },
  );
});
