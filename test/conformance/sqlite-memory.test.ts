import { expect, test } from "vitest";
import { runConformance } from "../../src/testing/conformance/suite.ts";
import { sqliteInMemory } from "./subjects.ts";

const { leftOut } = await runConformance(() => sqliteInMemory(), { test });

test("Only what needs a second handle is left out", () => {
  expect([...new Set(leftOut.map(({ needs }) => needs))]).toEqual(["secondHandle"]);
});
