import { Buffer } from "node:buffer";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isMillraceError } from "../../core/errors.ts";
import { seededIds, seededRandom } from "../../core/ports.ts";
import type { RunState } from "../contract/run.ts";
import type { WorkItem } from "../contract/work-item.ts";
import type { Entry } from "../synchronous/row-store.ts";
import { readEntry, writeEntry } from "./entry-row.ts";
import { readFailureEntry, readGroup, readMetric, writeFailureEntry, writeGroup, writeMetric } from "./history-rows.ts";
import { type ItemRow, readItem, readPayload, writeItem, writePayload } from "./item-row.ts";
import { entryMember } from "./keys.ts";
import { VERSION_LENGTH, versionOf, versionSource } from "./row-version.ts";
import { readState, writeState } from "./run-row.ts";

const VERSION = "v".repeat(VERSION_LENGTH);
const TEXTS = ["", "plain", "NUL \0", "\ud800", "__proto__", "a b\nc", "💧"];
const text = fc.constantFrom(...TEXTS);
const bytes = fc.uint8Array({ maxLength: 50 });
const damage = expect.toSatisfy((error) => isMillraceError(error, "BACKEND_CORRUPT"));

const ITEM: WorkItem = {
  runId: "run",
  item: 7,
  node: "node",
  kind: "node",
  status: "in_progress",
  from: undefined,
  attempts: 0,
  stalls: 0,
  conflicts: 0,
  epoch: 1,
  session: "s",
  claimedAt: 5,
  readyAt: 1,
  priority: 0,
  queue: "default",
  labels: [],
  keys: [],
  group: 12,
  joins: undefined,
  index: 0,
  path: "",
  createdAt: 1,
  endedAt: undefined,
  commit: 0,
  timeoutMs: 1_000,
  timeoutAt: 1_005,
  deadlineMs: undefined,
  deadlineAt: undefined,
  reason: "ready",
  revision: 0,
  commitDigest: undefined,
  waitedMs: undefined,
  ranMs: undefined,
  failure: undefined,
};

function rowOf(change: Partial<ItemRow>): ItemRow {
  return { item: ITEM, placement: { kind: "none" }, definition: "d", hasMemos: false, payload: "none", ...change };
}

test("an item comes back from its row as it was, whatever its texts are", () => {
  fc.assert(
    fc.property(text, text, text, fc.double({ noNaN: true, noDefaultInfinity: true }), (node, queue, label, rank) => {
      const item: WorkItem = {
        ...ITEM,
        node,
        queue,
        labels: [label],
        keys: [label, ""],
        failure: { code: node, message: queue, details: { list: [label] } },
        wait: { kind: "event", number: 3, since: 1, dueAt: undefined, deadlineLeftMs: 5, over: "answer" },
      };
      const row = rowOf({ item, placement: { kind: "ready", stalled: true, rank: rank + 0 }, hasMemos: true });
      expect(readItem("run", 7, Buffer.from(writeItem(row, VERSION)))).toEqual(row);
    }),
  );
});

test("before an item's row stand its version, its place and its group", () => {
  const beginnings = [
    [rowOf({ placement: { kind: "due", at: 9 } }), "b b12 "],
    [rowOf({ item: { ...ITEM, status: "pending", group: undefined }, placement: { kind: "due", at: 9 } }), "d  "],
    [rowOf({ placement: { kind: "aside" } }), "a b12 "],
    [rowOf({ placement: { kind: "none" } }), "n b12 "],
  ] as const;
  for (const [row, beginning] of beginnings) expect(writeItem(row, VERSION)).toMatch(`${VERSION}${beginning}[`);
});

test("a rank that no number can hold stays in order and harms nobody", () => {
  const rankOf = (rank: number) => {
    const { placement } = readItem(
      "run",
      7,
      Buffer.from(writeItem(rowOf({ placement: { kind: "ready", stalled: false, rank } }), VERSION)),
    );
    return placement.kind === "ready" ? placement.rank : undefined;
  };
  expect(rankOf(Number.NEGATIVE_INFINITY)).toBe(-Number.MAX_VALUE);
  expect(rankOf(Number.POSITIVE_INFINITY)).toBe(Number.MAX_VALUE);
  expect(rankOf(Number.NaN)).toBe(0);
});

test("payloads come back as the bytes they were, and what is absent stays absent", () => {
  const optional = fc.option(bytes, { nil: undefined });
  fc.assert(
    fc.property(optional, optional, (input, failure) => {
      const payload = { input, failure };
      if (input !== undefined || failure !== undefined) expect(readPayload(writePayload(payload))).toEqual(payload);
    }),
  );
  expect(readPayload(undefined)).toEqual({ input: undefined, failure: undefined });
});

test("a run comes back from its row, with and without links", () => {
  const state: RunState = {
    id: "run",
    definition: "d",
    status: "paused",
    generation: 3,
    sequence: 4,
    commits: 5,
    items: 6,
    open: 1,
    parked: 0,
    held: 0,
    outputs: 0,
    completed: 2,
    failed: 1,
    retried: 0,
    conflicts: 0,
    completion: "all",
    maxItems: 100,
    priority: -1,
    timeoutAt: undefined,
    createdAt: 1,
    statusAt: 2,
    finishedAt: undefined,
    fieldSequences: [0, 4],
    affinity: undefined,
  };
  for (const row of [state, { ...state, links: 3, affinity: "\0", timeoutAt: 9 }]) {
    expect(readState("run", Buffer.from(writeState(row, VERSION)))).toEqual(row);
  }
  expect(writeState(state, VERSION)).toMatch(`${VERSION}2.3 [`);
});

test("a group named like what every object has is nothing but a group", () => {
  const arrived = JSON.parse('{"__proto__": 2, "constructor": 1}');
  const group = {
    runId: "run",
    group: 4,
    fanOut: "split",
    parent: 1,
    index: 0,
    path: "0001",
    depth: 2,
    open: 3,
    joins: [{ node: "j", queue: "q", labels: [], keys: [], priority: 0, timeoutMs: 1 }],
    arrived,
    done: false,
  };
  const read = readGroup("run", 4, Buffer.from(writeGroup(group)));
  expect(Object.entries(read.arrived)).toEqual(Object.entries(arrived));
  expect(writeGroup(group)).toMatch(/^a1 \[/);
});

test("measurements keep numbers that JSON does not know", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 1e308, 5e-324]) {
    const entry = { runId: "r", item: 0, node: "n", name: "m", value, at: 1 };
    expect(readMetric("r", Buffer.from(writeMetric(entry))).value).toBe(value);
  }
});

test("a failure tells its place in the list of all", () => {
  const entry = {
    runId: "r",
    item: 1,
    node: "n",
    attempt: 2,
    epoch: 3,
    failure: { code: "E", message: "a b" },
    outcome: "retried" as const,
    workerId: "w",
    at: 5,
  };
  expect(readFailureEntry("r", Buffer.from(`b17 ${writeFailureEntry(entry)}`))).toEqual({ entry, place: "b17" });
});

test("entries come back with and without a value", () => {
  fc.assert(
    fc.property(text, fc.option(bytes, { nil: undefined }), (kind, value) => {
      const places = [{ list: kind, at: 5 }];
      const entry: Entry = { kind, key: "k", runId: undefined, facts: '{"a":"\\n"}', value, places };
      expect(readEntry(entryMember(kind, "k"), writeEntry(entry, VERSION))).toEqual(entry);
    }),
  );
});

test.each(["", VERSION, `${VERSION}n `, `${VERSION}n  {}`, `${VERSION}n  [1]`])("%j is no item", (stored) => {
  expect(() => readItem("run", 0, Buffer.from(stored))).toThrow(damage);
});

test("no two writes have one version, of one handle or of several", () => {
  const ids = seededIds(seededRandom(1));
  const sources = Array.from({ length: 20 }, () => versionSource(ids));
  const versions = sources.flatMap((next) => Array.from({ length: 500 }, next));
  expect(new Set(versions).size).toBe(versions.length);
  expect(versions.every((version) => version.length === VERSION_LENGTH)).toBe(true);
  expect(versionOf(Buffer.from(`${versions[0]}rest`))).toBe(versions[0]);
});
