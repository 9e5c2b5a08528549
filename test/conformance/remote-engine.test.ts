import { expect, test } from "vitest";
import { runConformance } from "../../src/testing/conformance/suite.ts";
import { fromAfar, fromAfarBlindly } from "./subjects-from-afar.ts";

const { leftOut } = await runConformance(() => fromAfar(), { test });
await runConformance(() => fromAfarBlindly(), { test: (name, body) => test(`Without foresight: ${name}`, body) });

test("Only what needs sessions attached in the process is left out", () => {
  expect([...new Set(leftOut.map(({ needs }) => needs))]).toEqual(["attachedSessions"]);
});
