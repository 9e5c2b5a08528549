import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyIndex, numberOf, pointTo } from "./key-index.ts";
import { emptyMap, entriesOf, entryOf, type OrderedMap, withEntry, withoutEntry } from "./ordered-map.ts";

const keys = fc.oneof(
  fc.string({ maxLength: 3 }),
  fc.constantFrom("__proto__", "constructor", "toString", "", "\0", "\ud800", "a", "b", "c"),
);
const changes = fc.array(fc.tuple(fc.constantFrom("set", "delete"), keys, fc.nat()), { maxLength: 300 });

test("an index finds what was added and nothing else, in whatever order it came", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ maxLength: 4 }), { maxLength: 400 }), (all) => {
      const index = all.reduce((grown, key, at) => pointTo(grown, key, at), emptyIndex());
      expect(all.filter((key, at) => numberOf(index, key) !== at)).toEqual([]);
      expect(all.filter((key) => !all.includes(`${key}!`) && numberOf(index, `${key}!`) !== undefined)).toEqual([]);
      expect(numberOf(pointTo(index, "again", 1), "again")).toBe(1);
    }),
    { numRuns: 50 },
  );
});

test.each([
  ["ascending", (at: number) => at],
  ["descending", (at: number) => 99_999 - at],
  ["scattered", (at: number) => (at * 7919) % 100_003],
])("an index of 100,000 %s keys is complete", (_, order) => {
  const name = (at: number) => String(order(at)).padStart(6, "0");
  let index = emptyIndex();
  for (let at = 0; at < 100_000; at += 1) {
    index = pointTo(index, name(at), at);
  }
  const missing = Array.from({ length: 100_000 }, (_, at) => at).filter((at) => numberOf(index, name(at)) !== at);
  expect(missing).toEqual([]);
  expect(numberOf(index, "nothing")).toBeUndefined();
});

test("a map does what Map does, order included, and every earlier map stays as it was", () => {
  fc.assert(
    fc.property(changes, (all) => {
      let map: OrderedMap<number> = emptyMap();
      const model = new Map<string, number>();
      const history: { map: OrderedMap<number>; model: [string, number][] }[] = [];
      for (const [change, key, value] of all) {
        if (change === "set") {
          map = withEntry(map, key, value);
          model.set(key, value);
        } else {
          map = withoutEntry(map, key);
          model.delete(key);
        }
        history.push({ map, model: [...model] });
      }
      for (const then of history) {
        expect(Array.from(entriesOf(then.map), ({ key, value }) => [key, value])).toEqual(then.model);
        expect(then.map.size).toBe(then.model.length);
      }
      for (const [, key] of all) {
        expect(entryOf(map, key)?.value).toBe(model.get(key));
      }
    }),
    { numRuns: 80 },
  );
});

test("a map that keys come and go in does not grow", () => {
  let map = emptyMap<number>();
  for (let at = 0; at < 10_000; at += 1) {
    map = withoutEntry(withEntry(map, `key ${at}`, at), `key ${at - 10}`);
  }
  expect(Array.from(entriesOf(map), ({ value }) => value)).toEqual(Array.from({ length: 10 }, (_, at) => 9_990 + at));
  expect(map.slots.length).toBeLessThan(100);
});
