// Stories of tokens that end: a new one in time, over the same session.

import { afterEach, beforeEach, expect, test } from "vitest";
import { Scene } from "./scene.ts";

const hour_ms = 3_600_000;

let scene: Scene;
beforeEach(() => {
  scene = new Scene();
  scene.server.token_ms = 60_000;
  scene.relay.token_ms = 60_000;
});
afterEach(() => scene.end());

const renewals = (user: string) => scene.server.link(user).received.filter(([code]) => code === 8);

test("a function is asked when four fifths of the time have passed, and the session goes on", async () => {
  let tokens = 0;
  const ada = scene.client("ada", { token: async () => `token ${++tokens}` });
  const states: string[] = [];
  ada.on("state", (state) => states.push(state));
  await scene.pass(47_000);
  expect([tokens, renewals("ada")]).toEqual([1, []]);
  await scene.pass(2000);
  expect([tokens, renewals("ada")]).toEqual([2, [[8, "token 2"]]]);
  await scene.pass(hour_ms);
  expect([states, renewals("ada").length]).toEqual([["live"], 76]);
});

test("a short time leaves five seconds", async () => {
  scene.server.token_ms = 12_000;
  let tokens = 0;
  scene.client("ada", { token: () => `token ${++tokens}` });
  await scene.pass(6900);
  expect(tokens).toBe(1);
  await scene.pass(200);
  expect(tokens).toBe(2);
});

test("each socket renews its own session", async () => {
  let tokens = 0;
  const ada = scene.client("ada", { token: () => `token ${++tokens}` });
  ada.inbox.on("message", () => {});
  await scene.pass(70_000);
  expect([ada.state, ada.inbox.state, tokens]).toEqual(["live", "live", 4]);
});

test("no token for a while: it is asked for again, and the listeners of error know", async () => {
  let isDown = false;
  const ada = scene.client("ada", {
    token: async () => {
      if (isDown) throw new Error("no network");
      return "good";
    },
  });
  const told: string[] = [];
  ada.on("error", ({ code, what }) => told.push(`${code} ${what}`));
  await scene.pass(100);
  isDown = true;
  await scene.pass(48_500);
  expect(told).toEqual(["unauthorized no token: no network"]);
  isDown = false;
  await scene.pass(30_000);
  expect([ada.state, told.length]).toEqual(["live", 1]);
});

test("a token that is not accepted leaves the session until the old one ends, then the client is closed", async () => {
  let token = "good";
  const ada = scene.client("ada", { token: () => token });
  const codes: string[] = [];
  ada.on("error", ({ code }) => codes.push(code));
  await scene.pass(100);
  token = "wrong";
  await scene.pass(59_000);
  expect([ada.state, codes]).toEqual(["live", ["unauthorized"]]);
  await scene.pass(2000);
  expect([ada.state, codes]).toEqual(["closed", ["unauthorized", "unauthorized"]]);
});

test("a token that ends no later is the old one: it is asked for again, and not all the time", async () => {
  let tokens = 0;
  const ada = scene.client("ada", { token: () => `token ${++tokens}` });
  scene.server.isOneToken = true;
  await scene.pass(59_500);
  expect([tokens, ada.state]).toEqual([4, "live"]);
  await scene.pass(1000);
  expect(ada.state).toBe("closed");
});

test("a text cannot be renewed, and nothing is said", async () => {
  const ada = scene.client("ada", { token: "good" });
  await scene.pass(59_000);
  expect([ada.state, renewals("ada")]).toEqual(["live", []]);
  await scene.pass(2000);
  expect(ada.state).toBe("closed");
});

test("who was sent away does not come back", async () => {
  const ada = scene.client("ada", { token: () => "good" });
  const told: string[] = [];
  ada.on("error", ({ code, what }) => told.push(`${code} ${what}`));
  await scene.pass(100);
  scene.server.link("ada").cut(4403);
  await scene.pass(hour_ms);
  expect([ada.state, told]).toEqual(["closed", ["unauthorized the right to be here was taken back"]]);
  expect(scene.server.links).toEqual([]);
});
