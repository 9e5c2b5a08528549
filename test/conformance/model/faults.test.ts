import { expect, test } from "vitest";
import { brokenBackends } from "../../../src/testing/broken/broken-backends.ts";
import { memory } from "../subjects.ts";
import { compareWithModel } from "./comparison.ts";
import { shortest } from "./shortening.ts";

test.each([
  "claims twice",
  "never expires a lease",
  "promotes timers early",
  "claims of paused runs",
  "counts stalls at a sign-off",
  "counts no stalls",
  "forgets the epoch",
  "forgets the conflict check",
  "forgets what a commit builds on",
  "gives a wrong answer to a resent commit",
  "applies half of a refused commit",
  "fires a join twice",
  "loses a delta",
  "reorders deltas",
  "lists out of order",
  "drops a wake-up",
])("Random histories find a backend that %s, and show it in a few commands", async (name) => {
  const broken = brokenBackends().find((one) => one.name === name);
  const found: unknown = await compareWithModel(memory, 100, broken).catch((error: unknown) => error);
  const commands = String(found).split("\nafter\n")[1]?.split("\n");
  expect(commands?.length).toBeLessThanOrEqual(12);
});

test("Random histories find nothing in an honest backend", async () => {
  expect((await compareWithModel(memory, 20)).get("completed")).toBeGreaterThan(50);
});

test("Shortening leaves out everything that does not matter", async () => {
  const fails = async (numbers: readonly number[]) => numbers.includes(7) && numbers.includes(41);
  expect(
    await shortest(
      Array.from({ length: 60 }, (_, at) => at),
      fails,
    ),
  ).toEqual([7, 41]);
});
