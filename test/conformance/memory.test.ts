import { expect, test } from "vitest";
import { runConformance } from "../../src/testing/conformance/suite.ts";
import { memory } from "./subjects.ts";

const { leftOut } = await runConformance(() => memory(), { test });

test("Nothing of the suite is left out", () => {
  expect([...new Set(leftOut.map(({ needs }) => needs))]).toEqual([]);
});
