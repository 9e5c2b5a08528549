import { expect, test } from "vitest";
import { formatItemId, parseItemId } from "./item-id.ts";

test.each([
  ["run", 0],
  ["0198c1f2-0000-7000-8000-000000000000", 99_999],
  ["with.dots.7", 3],
])("the id of item %s %i reads back", (runId, item) => {
  expect(parseItemId(formatItemId(runId, item))).toEqual({ runId, item });
});

test.each(["", "run", "run.", ".1", "run.x", "run.01", "run.-1", "run.1.", "run.1e3", "run.9999999999999999"])(
  "%j is no id of an item",
  (text) => {
    expect(() => parseItemId(text)).toThrowError("is no id of a work item");
  },
);
