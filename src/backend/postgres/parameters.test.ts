import fc from "fast-check";
import { expect, test } from "vitest";
import { heldSession, postgresScene } from "../../../test/support/postgres-scene.ts";
import { type Cell, type Columns, givenRows, listOf, rowParameters } from "./parameters.ts";

const COLUMNS: Columns = [
  ["word", "text"],
  ["body", "bytea"],
  ["at", "double precision"],
  ["count", "bigint"],
  ["flag", "boolean"],
  ["more", "bytea"],
];

const cell = {
  // What stored-text.ts leaves of a text: no NUL, no half of a pair.
  text: fc.string({ unit: fc.constantFrom('"', "\\", "{", "}", ",", "NULL", " ", "a", "💧", "\u0001", "\n", "'") }),
  bytes: fc.uint8Array({ maxLength: 40 }),
  number: fc.double(),
  whole: fc.maxSafeInteger(),
};

const row = fc.tuple(
  fc.option(cell.text),
  fc.option(cell.bytes),
  fc.option(cell.number),
  fc.option(cell.whole),
  fc.option(fc.boolean()),
  fc.option(cell.bytes),
);

test("rows come back from the server as they were given, whatever is in them", async () => {
  const session = await heldSession(await postgresScene().pool());
  const { from, cells } = givenRows(COLUMNS);
  const text = `SELECT ${cells.join(", ")} FROM ${from}`;
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 8 }), async (rows) => {
      const given: readonly (readonly Cell[])[] = rows;
      const [result] = await session.run([{ text, values: rowParameters(COLUMNS, given), name: "rows" }]);
      expect(result?.rows).toEqual(given);
    }),
    { numRuns: 60 },
  );
});

test("numbers that are no ordinary ones are kept", async () => {
  const session = await heldSession(await postgresScene().pool());
  const numbers = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, 5e-324, 1e308, 0.1];
  const text = "SELECT number FROM unnest($1::double precision[]) AS given(number)";
  const [result] = await session.run([{ text, values: [listOf(numbers)] }]);
  expect(result?.rows.map(([number]) => number)).toEqual(numbers);
});

test("a second part of a statement takes parameters after the first", () => {
  const columns: Columns = [
    ["a", "integer"],
    ["b", "bytea"],
  ];
  expect(givenRows(columns, 3)).toEqual({
    from: "unnest($3::integer[], $5::integer[], $6::integer[]) AS given(a, b_at, b_size)",
    cells: ["given.a", "substr($4::bytea, given.b_at, given.b_size)"],
    width: 4,
  });
});
