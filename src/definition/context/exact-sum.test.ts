import fc from "fast-check";
import { expect, test } from "vitest";
import { EMPTY_SUM, plus, totalOf } from "./exact-sum.ts";

const sum = (numbers: readonly number[]) => totalOf(numbers.reduce(plus, EMPTY_SUM));

/** A finite number as a whole count of 2^-1074, the smallest number there is. */
function exactly(number: number): bigint {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, number);
  const raw = bits.getBigUint64(0);
  const exponent = (raw >> 52n) & 0x7ffn;
  const fraction = raw & 0xfffffffffffffn;
  const magnitude = exponent === 0n ? fraction : (fraction | 0x10000000000000n) << (exponent - 1n);
  return raw >> 63n === 1n ? -magnitude : magnitude;
}

/** Whether no other number is nearer to the exact total, and the even one was taken of two that are equally near. */
function isNearest(total: number, exact: bigint): boolean {
  const distance = (to: bigint) => (to > exact ? to - exact : exact - to);
  const bits = new DataView(new ArrayBuffer(8));
  const neighbour = (by: bigint) => {
    bits.setFloat64(0, total);
    bits.setBigUint64(0, bits.getBigUint64(0) + by);
    return bits.getFloat64(0);
  };
  if (total === 0) {
    return exact === 0n;
  }
  bits.setFloat64(0, total);
  const isEven = (bits.getBigUint64(0) & 1n) === 0n;
  return [neighbour(1n), neighbour(-1n)].every((other) => {
    const nearer = distance(exactly(other)) - distance(exactly(total));
    return nearer > 0n || (nearer === 0n && isEven);
  });
}

const increments = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
  fc.maxSafeInteger(),
  fc.constantFrom(0.1, -0.1, 2 ** 53 - 1, 1 - 2 ** 53, 5e-324, -0, 0, 1),
);

test("a sum is the number nearest to the exact total", () => {
  fc.assert(
    fc.property(fc.array(increments, { maxLength: 60 }), (numbers) => {
      const exact = numbers.reduce((total, number) => total + exactly(number), 0n);
      expect(isNearest(sum(numbers), exact)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test("a sum does not depend on order or grouping", () => {
  fc.assert(
    fc.property(fc.array(increments), fc.array(increments), (left, right) => {
      const grouped = [...left.reduce(plus, EMPTY_SUM), ...right.reduce(plus, EMPTY_SUM)];
      expect(sum(grouped)).toBe(sum([...right, ...left]));
    }),
  );
});

test("what plain addition gets wrong comes out right", () => {
  expect(sum(Array(10).fill(0.1))).toBe(1);
  expect(sum([2 ** 53, 1, 1])).toBe(2 ** 53 + 2);
  expect(sum([1e16, 1, -1e16])).toBe(1);
  expect(sum([])).toBe(0);
  expect(Object.is(sum([-0, -0]), 0)).toBe(true);
});
