import { describe, expect, test } from "vitest";
import { brokenBackends } from "../../src/testing/broken/broken-backends.ts";
import type { ConformanceCase } from "../../src/testing/conformance/conformance-case.ts";
import { ConformanceFailure } from "../../src/testing/conformance/expectation.ts";
import type { ConformanceHarness } from "../../src/testing/conformance/harness.ts";
import { conformanceCases } from "../../src/testing/conformance/suite.ts";
import { memory } from "./subjects.ts";

/** What the case says of the backend; `undefined` when it passes. */
async function verdict(one: ConformanceCase, harness: ConformanceHarness): Promise<unknown> {
  try {
    await one.run(harness);
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await harness.dispose();
  }
}

function caseNamed(name: string): ConformanceCase {
  const found = conformanceCases().find((one) => one.name === name);
  if (found === undefined) throw new Error(`the suite has no case "${name}"`);
  return found;
}

describe("A backend that", () => {
  for (const { name, fails, breakHarness } of brokenBackends()) {
    test(`${name} fails "${fails}", which the honest one passes`, async () => {
      const named = caseNamed(fails);
      expect(await verdict(named, breakHarness(await memory()))).toBeInstanceOf(ConformanceFailure);
      expect(await verdict(named, await memory())).toBeUndefined();
    });
  }
});

test("There are at least twelve broken backends, each with a name of its own", () => {
  const names = brokenBackends().map(({ name }) => name);
  expect(names.length).toBeGreaterThanOrEqual(12);
  expect(new Set(names).size).toBe(names.length);
});

test.each([
  "claims twice",
  "forgets the epoch",
  "forgets the generation",
  "gives a wrong answer to a resent commit",
  "loses a delta",
  "reorders deltas",
  "drops a wake-up",
  "fires a join twice",
  "never expires a lease",
  "promotes timers early",
  "lists out of order",
  "leaks across namespaces",
])("One of them %s", (name) => {
  expect(brokenBackends().map((backend) => backend.name)).toContain(name);
});
