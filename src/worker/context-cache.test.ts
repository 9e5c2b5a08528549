import { expect, test } from "vitest";
import type { ContextTail } from "../backend/contract/records.ts";
import { encodeDelta } from "../definition/context/delta.ts";
import { context, field } from "../definition/context/field.ts";
import { shapeOf } from "../definition/context/shape.ts";
import type { ContextState } from "../definition/context/state.ts";
import { ContextCache } from "./context-cache.ts";

const shape = shapeOf(context({ log: field.eventLog<string>(), sum: field.counter() }));
const stamp = { item: "r.0", epoch: 1, at: 5 };

function sumOf({ state }: { readonly state: ContextState }): number {
  return Number(shape.behaviours[1]?.toJson(state.fields[1] ?? shape.behaviours[1].initial));
}

/** A store of one counter: each delta adds its sequence number. */
function cacheOver(length: () => number, limits?: { entries: number; bytes: number }) {
  const asked: { runId: string; after: number; shape?: string }[] = [];
  const kept: { sequence: number; bytes: Uint8Array }[] = [];
  const tail = async (runId: string, range: { after: number; shape?: string }): Promise<ContextTail | undefined> => {
    asked.push({ runId, ...range });
    if (runId === "gone") return undefined;
    const snapshot = range.shape === undefined ? undefined : kept.findLast(({ sequence }) => sequence > range.after);
    const from = snapshot?.sequence ?? range.after;
    // In parts of three, to be asked for one after the other.
    const deltas = Array.from({ length: Math.min(3, length() - from) }, (_, at) => {
      const sequence = from + at + 1;
      return { sequence, ...stamp, delta: encodeDelta([["sum", "add", sequence]]) };
    });
    return { sequence: length(), snapshot, deltas };
  };
  const cache = new ContextCache({ tail, keep: (snapshot) => kept.push(snapshot) }, limits);
  return { cache, asked, kept };
}

test("a context is fetched once, and from then on only its tail", async () => {
  let length = 7;
  const { cache, asked } = cacheOver(() => length);
  expect(sumOf(await cache.load("a", shape, 7))).toBe(28);
  expect(asked.map(({ after }) => after)).toEqual([0, 3, 6]);
  expect(cache.load("a", shape, 5)).not.toBeInstanceOf(Promise);
  length = 8;
  expect(sumOf(await cache.load("a", shape, 8))).toBe(36);
  expect(asked.at(-1)).toEqual({ runId: "a", after: 7 });
});

test("several who need the same context at the same time ask for it once", async () => {
  const { cache, asked } = cacheOver(() => 2);
  const loaded = await Promise.all([cache.load("a", shape, 1), cache.load("a", shape, 2), cache.load("a", shape, 2)]);
  expect(loaded.map(({ sequence }) => sequence)).toEqual([2, 2, 2]);
  expect(asked).toHaveLength(1);
});

test("an own change is added where nothing is missing before it, and ignored elsewhere", () => {
  const { cache, asked } = cacheOver(() => 0);
  const change = (sequence: number) => ({ sequence, delta: [["sum", "add", 10] as const], bytes: 20, stamp });
  cache.add("a", shape, change(1));
  cache.add("a", shape, change(3));
  cache.add("a", shape, change(2));
  cache.add("b", shape, change(4));
  const known = cache.known("a");
  expect(known && [known.sequence, sumOf(known)]).toEqual([2, 20]);
  expect(cache.known("b")).toBeUndefined();
  expect(asked).toEqual([]);
});

test("the contexts used longest ago are dropped when there are too many, or they are too large", async () => {
  const few = cacheOver(() => 1, { entries: 2, bytes: 1e9 });
  for (const runId of ["a", "b", "a", "c"]) await few.cache.load(runId, shape, 1);
  expect(["a", "b", "c"].map((runId) => few.cache.known(runId) !== undefined)).toEqual([true, false, true]);
  const small = cacheOver(() => 1, { entries: 100, bytes: 1 });
  for (const runId of ["a", "b"]) await small.cache.load(runId, shape, 1);
  expect(["a", "b"].map((runId) => small.cache.known(runId) !== undefined)).toEqual([false, true]);
});

test("a snapshot is kept when the tail has grown larger than the last one, and read instead of the deltas", async () => {
  const { cache, kept } = cacheOver(() => 0);
  for (let sequence = 1; sequence <= 40; sequence += 1) {
    const text = "x".repeat(10_000);
    cache.add("a", shape, { sequence, delta: [["log", "append", [text]]], bytes: text.length, stamp });
  }
  expect(kept.map(({ sequence }) => sequence)).toEqual([7, 15, 31]);
  const other = cacheOver(() => 33);
  other.kept.push(...kept);
  const loaded = await other.cache.load("a", shape, 33);
  expect([loaded.sequence, sumOf(loaded)]).toEqual([33, 65]);
  expect(other.asked).toEqual([{ runId: "a", after: 0, shape: shape.hash }]);
});

test("a run that is gone and a history with a hole are told apart from an empty context", async () => {
  const { cache } = cacheOver(() => 2);
  expect(sumOf(await cache.load("a", shape, 0))).toBe(0);
  await expect(cache.load("gone", shape, 1)).rejects.toMatchObject({ code: "RUN_CLOSED" });
  await expect(cache.load("b", shape, 3)).rejects.toMatchObject({ code: "BACKEND_CORRUPT" });
});
