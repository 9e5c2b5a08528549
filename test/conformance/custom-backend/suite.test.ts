import { expect, test } from "vitest";
import { journals } from "../../../examples/custom-backend/harness.ts";
import { runConformance } from "../../../src/testing/conformance/suite.ts";

const { leftOut } = await runConformance(journals, { test });

test("Nothing of the suite is left out", () => {
  expect([...new Set(leftOut.map(({ needs }) => needs))]).toEqual([]);
});
