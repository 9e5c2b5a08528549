import fc from "fast-check";
import { expect, test } from "vitest";
import { appendTo, elementAt, elementsOf, emptyVector, replaceAt, type Vector } from "./vector.ts";

const sizes = fc.oneof(fc.nat(70), fc.constantFrom(31, 32, 33, 1023, 1024, 1025, 1056, 1057));

test("a vector holds what was appended, in order, however it was grouped", () => {
  fc.assert(
    fc.property(fc.array(sizes, { maxLength: 4 }), (groups) => {
      let vector: Vector<number> = emptyVector();
      const model: number[] = [];
      for (const size of groups) {
        const added = Array.from({ length: size }, (_, at) => model.length + at);
        vector = appendTo(vector, added);
        model.push(...added);
      }
      expect(vector.length).toBe(model.length);
      expect([...elementsOf(vector)]).toEqual(model);
      expect(model.every((element, at) => elementAt(vector, at) === element)).toBe(true);
      expect(elementAt(vector, -1)).toBeUndefined();
      expect(elementAt(vector, model.length)).toBeUndefined();
    }),
    { numRuns: 60 },
  );
});

test("a vector grows past two levels of its tree", () => {
  const size = 40_000;
  const vector = appendTo(emptyVector<number>(), Array(size).keys());
  const missing = Array.from({ length: size }, (_, at) => at).filter((at) => elementAt(vector, at) !== at);
  expect(missing).toEqual([]);
  expect([...elementsOf(replaceAt(vector, 20_000, -1))].indexOf(-1)).toBe(20_000);
});

test("replacing gives a new vector and leaves the old one as it was", () => {
  fc.assert(
    fc.property(
      sizes.filter((size) => size > 0),
      fc.nat(),
      (size, seed) => {
        const vector = appendTo(emptyVector<number>(), Array(size).keys());
        const position = seed % size;
        const replaced = replaceAt(vector, position, -1);
        expect([...elementsOf(replaced)]).toEqual([...Array(size).keys()].with(position, -1));
        expect([...elementsOf(vector)]).toEqual([...Array(size).keys()]);
      },
    ),
    { numRuns: 60 },
  );
});

test("two vectors grown from the same one never see each other's elements", () => {
  fc.assert(
    fc.property(sizes, sizes, sizes, (common, left, right) => {
      const parent = appendTo(emptyVector<string>(), Array(common).fill("common"));
      const first = appendTo(parent, Array(left).fill("left"));
      const second = appendTo(parent, Array(right).fill("right"));
      expect([...elementsOf(parent)]).toEqual(Array(common).fill("common"));
      expect([...elementsOf(first)]).toEqual([...Array(common).fill("common"), ...Array(left).fill("left")]);
      expect([...elementsOf(second)]).toEqual([...Array(common).fill("common"), ...Array(right).fill("right")]);
    }),
    { numRuns: 60 },
  );
});
