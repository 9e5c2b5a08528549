/**
 * Sums of numbers without rounding on the way, so that the sum of increments is the same in whatever order and grouping
 * they arrive: 0.1 ten times is 1, and 2^53 + 1 + 1 is 2^53 + 2. Only the total that is read is rounded, once. After
 * Shewchuk's expansions, as in Python's `math.fsum`. It refuses nothing: who adds, bounds the numbers so that no total
 * overflows. Invariant: the parts do not overlap, ascend in magnitude, and none is zero.
 */

/** A sum as parts whose exact total it is. Values of this type are immutable. */
export type ExactSum = readonly number[];

/** Nothing added yet. */
export const EMPTY_SUM: ExactSum = [];

/** The sum with one number added. */
export function plus(sum: ExactSum, number: number): ExactSum {
  const parts: number[] = [];
  let carried = number;
  for (const part of sum) {
    const [large, small] = Math.abs(carried) < Math.abs(part) ? [part, carried] : [carried, part];
    const rounded = large + small;
    const lost = small - (rounded - large);
    if (lost !== 0) {
      parts.push(lost);
    }
    carried = rounded;
  }
  if (carried !== 0) {
    parts.push(carried);
  }
  return parts;
}

/** The total, rounded to the nearest number, ties to even. */
export function totalOf(sum: ExactSum): number {
  let at = sum.length - 1;
  let total = sum[at] ?? 0;
  let lost = 0;
  while (at > 0 && lost === 0) {
    at -= 1;
    const part = sum[at] ?? 0;
    const rounded = total + part;
    lost = part - (rounded - total);
    total = rounded;
  }
  // Halfway cases: the sign of the next smaller part decides which neighbour is nearest.
  const next = sum[at - 1] ?? 0;
  if ((lost < 0 && next < 0) || (lost > 0 && next > 0)) {
    const doubled = lost * 2;
    const candidate = total + doubled;
    if (doubled === candidate - total) {
      return candidate;
    }
  }
  return total;
}
