import { expect, test } from "vitest";
import { formatWaitId, parseWaitId } from "./wait-id.ts";

test("an id of a wait is read back as it was written, whatever its run is called", () => {
  for (const runId of ["run", "a.b", "1.2", "run.1.2"]) {
    const wait = { runId, item: 0, number: 12 };
    expect(parseWaitId(formatWaitId(wait))).toEqual(wait);
  }
});

test.each(["", "run", "run.1", "run.1.0", "run.01.1", "run.1.x", ".1.1", "run.-1.1"])("%o is no id of a wait", (id) => {
  expect(() => parseWaitId(id)).toThrow("is no id of a wait");
});
