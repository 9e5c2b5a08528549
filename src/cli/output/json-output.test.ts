import { expect, it } from "vitest";
import { keptOutput } from "../../../test/support/cli-surroundings.ts";
import { parseJson } from "../../index.ts";
import { jsonLine, rowsDocument } from "./json-output.ts";

it.each([0, 1, 3])("writes %i rows as one document, a row per line", (count) => {
  const { output, text } = keptOutput();
  const document = rowsDocument(output, "rows");
  for (let at = 0; at < count; at += 1) document.row({ at });
  document.end({ cursor: "c", nothing: undefined });
  expect(JSON.parse(text())).toEqual({ rows: Array.from({ length: count }, (_, at) => ({ at })), cursor: "c" });
  expect(text().match(/^\{"at":\d\},?$/gm) ?? []).toHaveLength(count);
});

it("writes bytes, and what only looks like bytes, so that they can be told apart", () => {
  const value = { bytes: new Uint8Array([1, 2]), like: { $bytes: "AQI=" }, more: { $$bytes: "x" } };
  expect(parseJson(jsonLine(value), { what: "the test" })).toEqual(value);
});
