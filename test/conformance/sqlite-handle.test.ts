import { expect, test } from "vitest";
import { runConformance } from "../../src/testing/conformance/suite.ts";
import { sqliteThroughNodeHandle } from "./subjects.ts";

const { leftOut } = await runConformance(() => sqliteThroughNodeHandle(), { test });

test("Nothing of the suite is left out", () => {
  expect([...new Set(leftOut.map(({ needs }) => needs))]).toEqual([]);
});
