import { expect, test } from "vitest";
import { conformanceCases } from "./suite.ts";

test("The suite has at least 150 cases", () => {
  expect(conformanceCases().length).toBeGreaterThanOrEqual(150);
});

test("Every case has a sentence of its own", () => {
  const names = conformanceCases().map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => !/^[A-Z].* /.test(name))).toEqual([]);
});
