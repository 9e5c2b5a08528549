import fc from "fast-check";
import { expect, test } from "vitest";
import { Journal } from "./journal.ts";
import { OrderedRows } from "./ordered-rows.ts";

interface Row {
  readonly at: number;
}

function setUp() {
  const journal = new Journal();
  return { journal, rows: new OrderedRows<Row, Row>(journal, (a, b) => a.at - b.at) };
}

const changes = fc.array(fc.record({ at: fc.nat(2_000), insert: fc.boolean() }), { size: "large", maxLength: 3_000 });

test("rows come in order from anywhere, up and down, after any inserts and removals", () => {
  fc.assert(
    fc.property(changes, fc.nat(2_000), (made, from) => {
      const { journal, rows } = setUp();
      const known = new Map<number, Row>();
      journal.atomically(() => {
        for (const { at, insert } of made) {
          const row = known.get(at);
          if (row !== undefined && !insert) {
            rows.remove(row);
            known.delete(at);
          } else if (row === undefined && insert) {
            const fresh = { at };
            rows.insert(fresh);
            known.set(at, fresh);
          }
        }
      });
      const sorted = [...known.keys()].sort((a, b) => a - b);
      expect(rows.size).toBe(sorted.length);
      expect(rows.first()?.at).toBe(sorted[0]);
      expect(Array.from(rows.ascending(), ({ at }) => at)).toEqual(sorted);
      expect(Array.from(rows.descending(), ({ at }) => at)).toEqual(sorted.toReversed());
      expect(Array.from(rows.ascending({ at: from }), ({ at }) => at)).toEqual(sorted.filter((at) => at > from));
      expect(Array.from(rows.descending({ at: from }), ({ at }) => at)).toEqual(
        sorted.filter((at) => at < from).toReversed(),
      );
    }),
    { numRuns: 50 },
  );
});

test("thousands of rows at the front and the back stay in order", () => {
  const { journal, rows } = setUp();
  journal.atomically(() => {
    for (let at = 0; at < 5_000; at += 1) {
      rows.insert({ at });
      rows.insert({ at: -1 - at });
    }
  });
  expect(Array.from(rows.ascending(), ({ at }) => at)).toEqual(Array.from({ length: 10_000 }, (_, at) => at - 5_000));
  journal.atomically(() => {
    for (let row = rows.first(); row !== undefined && row.at < 0; row = rows.first()) rows.remove(row);
  });
  expect([rows.size, rows.first()?.at]).toEqual([5_000, 0]);
});

test("a step that throws leaves the rows as they were", () => {
  const { journal, rows } = setUp();
  const row = { at: 1 };
  journal.atomically(() => rows.insert(row));
  expect(() =>
    journal.atomically(() => {
      rows.remove(row);
      rows.insert({ at: 2 });
      throw new Error("no");
    }),
  ).toThrow("no");
  expect([...rows.ascending()]).toEqual([row]);
});

test("rows change only inside a step", () => {
  const { rows } = setUp();
  expect(() => rows.insert({ at: 1 })).toThrow(expect.objectContaining({ code: "INTERNAL" }));
});
