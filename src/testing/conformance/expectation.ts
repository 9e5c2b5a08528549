/**
 * The few assertions that the suite needs, so that it runs under any test framework and brings none along. Values are
 * compared by content: bytes by their bytes whatever class holds them, properties that are `undefined` like absent ones.
 * Invariant: everything thrown here is a `ConformanceFailure`, so a broken backend can be told from a broken suite.
 */

import { inspect, isDeepStrictEqual } from "node:util";
import { type ErrorCode, isMillraceError } from "../../core/errors.ts";

/** A backend did not do what the contract says. The message says what was expected, and what came instead. */
export class ConformanceFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ConformanceFailure";
  }
}

/** Throws a `ConformanceFailure` unless the two have the same content. */
export function equal(actual: unknown, expected: unknown, what: string): void {
  const [left, right] = [plain(actual), plain(expected)];
  if (isDeepStrictEqual(left, right)) return;
  const difference = firstDifference(left, right, "");
  throw new ConformanceFailure(
    `${what}${difference.at}:\n  expected ${show(difference.right)}\n  but got  ${show(difference.left)}`,
  );
}

/** Throws a `ConformanceFailure` unless the condition holds. */
export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new ConformanceFailure(what);
}

/** The value, which must be there. */
export function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new ConformanceFailure(`${what} is not there`);
  return value;
}

/** Throws a `ConformanceFailure` unless the work rejects with the code. */
export async function throws(work: () => Promise<unknown>, code: ErrorCode, what: string): Promise<void> {
  let answer: unknown;
  try {
    answer = await work();
  } catch (thrown) {
    if (isMillraceError(thrown, code)) return;
    throw new ConformanceFailure(`${what}: expected the code ${code}, but it threw ${show(thrown)}`);
  }
  throw new ConformanceFailure(`${what}: expected the code ${code}, but it answered ${show(plain(answer))}`);
}

/** The answer, which must be of the kind. */
export function ofKind<T extends { readonly kind: string }, K extends T["kind"]>(
  answer: T,
  kind: K,
  what: string,
): Extract<T, { readonly kind: K }> {
  if (isOfKind(answer, kind)) return answer;
  throw new ConformanceFailure(`${what}: expected "${kind}", but got ${show(plain(answer))}`);
}

/**
 * The value as plain data: bytes as `{ bytes }`, maps as lists of their entries, without properties that are `undefined`,
 * keys in order.
 */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("base64") };
  if (value instanceof Map) return [...value].map(plain);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, held]) => held !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, held]) => [key, plain(held)]));
}

interface Difference {
  /** Where, as ` at runs.0.status`; empty when the whole is small enough to show. */
  readonly at: string;
  readonly left: unknown;
  readonly right: unknown;
}

/** Values longer than this are not shown whole. */
const SHOWN = 600;

/** Goes down to what differs while what there is to show is large. */
function firstDifference(left: unknown, right: unknown, at: string): Difference {
  const here = { at: at === "" ? "" : ` at${at}`, left, right };
  if (!isContainer(left) || !isContainer(right) || show(left).length + show(right).length < SHOWN) return here;
  const [before, after] = [new Map(Object.entries(left)), new Map(Object.entries(right))];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [one, other] = [before.get(key), after.get(key)];
    if (!isDeepStrictEqual(one, other)) return firstDifference(one, other, at === "" ? ` ${key}` : `${at}.${key}`);
  }
  return here;
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isOfKind<T extends { readonly kind: string }, K extends T["kind"]>(
  answer: T,
  kind: K,
): answer is Extract<T, { readonly kind: K }> {
  return answer.kind === kind;
}

function show(value: unknown): string {
  return inspect(value, { depth: 12, breakLength: 120, maxStringLength: 400, maxArrayLength: 60 });
}
