import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { RunDetails, RunState } from "../backend/contract/run.ts";
import type { WorkItem } from "../backend/contract/work-item.ts";
import { MemoryWorld } from "../backend/memory/index.ts";
import type { RunImage } from "../backend/memory/run-image.ts";
import { type ErrorCode, isMillraceError } from "../core/errors.ts";
import { decodeValue, encodeValue } from "../core/values.ts";
import { CHECKPOINT_FORMAT, CheckpointWriter, readCheckpoint } from "./checkpoint-form.ts";

const text = fc.string({ unit: "binary", maxLength: 12 });
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  text.map((value) => new TextEncoder().encode(JSON.stringify(value))),
);
const count = fc.nat({ max: 1_000 });
const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const json = fc.anything({ maxDepth: 3, withTypedArray: true }).filter(canBeStored);
const failure = fc
  .record({ code: text, message: text, details: json }, { requiredKeys: ["code", "message"] })
  .map(({ details, ...rest }) => (details === undefined ? rest : { ...rest, details }));

const STATE: RunState = {
  id: "run-1",
  definition: "d".repeat(32),
  status: "running",
  generation: 0,
  sequence: 0,
  commits: 0,
  items: 0,
  open: 0,
  parked: 0,
  held: 0,
  outputs: 0,
  completed: 0,
  failed: 0,
  retried: 0,
  conflicts: 0,
  completion: "single",
  maxItems: 100,
  priority: 0,
  timeoutAt: undefined,
  createdAt: 5,
  statusAt: 5,
  finishedAt: undefined,
  fieldSequences: [],
  affinity: undefined,
};

const ITEM: WorkItem = {
  runId: "run-1",
  item: 0,
  node: "first",
  kind: "node",
  status: "pending",
  from: undefined,
  attempts: 0,
  stalls: 0,
  conflicts: 0,
  epoch: 0,
  session: undefined,
  claimedAt: undefined,
  readyAt: 5,
  priority: 0,
  queue: "default",
  labels: [],
  keys: [],
  group: undefined,
  joins: undefined,
  index: 0,
  path: "",
  createdAt: 5,
  endedAt: undefined,
  commit: 0,
  timeoutMs: 1_000,
  timeoutAt: undefined,
  deadlineMs: undefined,
  deadlineAt: undefined,
  reason: "ready",
  revision: 0,
  commitDigest: undefined,
  waitedMs: undefined,
  ranMs: undefined,
  failure: undefined,
};

const state = fc
  .record({
    status: fc.constantFrom<RunState["status"]>("running", "failed", "completed"),
    sequence: count,
    timeoutAt: some(count),
    priority: fc.constantFrom(-1, 0, 0.5),
    fieldSequences: fc.array(count, { maxLength: 3 }),
  })
  .map((part): RunState => ({ ...STATE, ...part }));

const details = fc.record({
  input: bytes,
  output: some(bytes),
  failure: some(failure),
  tags: fc.dictionary(fc.constantFrom("a", "__proto__x", "constructor"), text, { maxKeys: 2 }),
  idempotencyKey: some(text),
  inputDigest: text,
});

const image: fc.Arbitrary<RunImage> = fc
  .record({
    state,
    details: details.map((part): RunDetails => ({ ...part, workflow: "w", version: "1", parent: undefined })),
    payloads: fc.array(fc.record({ input: some(bytes), failure: some(bytes), own: some(failure), label: text }), {
      maxLength: 4,
    }),
    memos: fc.array(fc.record({ item: count, name: text, value: bytes }), { maxLength: 3 }),
    values: fc.array(bytes, { maxLength: 4 }),
    metrics: fc.array(fc.double(), { maxLength: 4 }),
    failures: fc.array(failure, { maxLength: 3 }),
    logs: fc.array(text, { maxLength: 3 }),
  })
  .map(({ payloads, memos, values, metrics, failures, logs, ...run }) => ({
    ...run,
    definition: { hash: STATE.definition, name: "w", version: "1", json: "{}", publishedAt: 1 },
    items: payloads.map(({ input, failure: handed, own, label }, item) => ({
      item: { ...ITEM, item, failure: own, labels: [label] },
      payload: { input, failure: handed },
    })),
    memos,
    groups: values.map((_, group) => ({
      ...{ runId: "run-1", group, fanOut: "f", parent: undefined, index: 0, path: "", depth: 1, open: 0 },
      ...{ joins: [], arrived: { join: 2 }, done: false },
    })),
    arrivals: values.map((value, index) => ({
      ...{ runId: "run-1", group: 0, join: "j", from: 1, node: "n", path: "p", commit: 1 },
      ...{ index, value },
    })),
    outputs: values.map((value, index) => ({ from: 1, path: "p", commit: 1, index, value })),
    deltas: values.map((delta, at) => ({ sequence: at + 1, item: "run-1.0", epoch: 1, at: 3, delta })),
    failures: failures.map((entry) => ({
      ...{ runId: "run-1", item: 0, node: "n", attempt: 1, epoch: 1, outcome: "retried" as const },
      ...{ workerId: "w", at: 1, failure: entry },
    })),
    metrics: metrics.map((value) => ({ runId: "run-1", item: 0, node: "n", name: "m", value, at: 1 })),
    logs: logs.map((message) => ({ runId: "run-1", item: 0, attempt: 1, at: 1, level: "info" as const, message })),
    audit: [{ runId: "run-1", at: 1, action: "resume" as const, actor: undefined, detail: "{}", item: undefined }],
    entries: values.map((value, at) => ({
      ...{ kind: "wait", key: `run-1.${at}`, runId: "run-1", facts: JSON.stringify({ details: logs[0] }) },
      ...{ value: at === 0 ? undefined : value, places: [{ list: "waits", at }] },
    })),
  }));

const failsWith = (code: ErrorCode) => expect.toSatisfy((error) => isMillraceError(error, code));

function canBeStored(value: unknown): boolean {
  const plain = thrownBy(() => decodeValue(encodeValue(value, { what: "it" })));
  return !isMillraceError(plain) && isDeepStrictEqual(plain, value);
}

function sample(): RunImage {
  const [made] = fc.sample(image, { numRuns: 1, seed: 7 });
  if (made === undefined) throw new Error("no sample");
  return made;
}

/** As if the run had gone on until it looked like the later one: rows are added or replaced, none goes away. */
function grown(before: RunImage, later: RunImage): RunImage {
  return {
    ...later,
    definition: before.definition,
    items: [...later.items, ...before.items.slice(later.items.length)],
    groups: [...later.groups, ...before.groups.slice(later.groups.length)],
    memos: [...before.memos, ...later.memos],
    arrivals: [...before.arrivals, ...later.arrivals],
    outputs: [...before.outputs, ...later.outputs],
    deltas: [...before.deltas, ...later.deltas],
    failures: [...before.failures, ...later.failures],
    metrics: [...before.metrics, ...later.metrics],
    logs: [...before.logs, ...later.logs],
    audit: [...before.audit, ...later.audit],
    entries: [...later.entries, ...before.entries.slice(later.entries.length)],
  };
}

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

test("a run comes back as it was, whatever its user put into it", () => {
  fc.assert(
    fc.property(image, (before) => {
      const body = new CheckpointWriter().whole(before);
      expect(readCheckpoint(body, "it")).toEqual(before);
    }),
    { numRuns: 200 },
  );
});

test("details of a failure that cannot be stored do not keep the run from being saved", () => {
  const made = sample();
  const entry = { ...{ runId: "run-1", item: 0, node: "n", attempt: 1, epoch: 1, outcome: "failed" as const } };
  const failures = [{ ...entry, workerId: "w", at: 1, failure: { code: "E", message: "m", details: new Map() } }];
  const [read] = readCheckpoint(new CheckpointWriter().whole({ ...made, failures }), "it").failures;
  expect(read?.failure).toEqual({ code: "E", message: "m", details: { leftOut: "they could not be stored" } });
});

test("what is added has only what is new, and the whole of it is the run as it is now", () => {
  fc.assert(
    fc.property(image, image, image, (first, second, third) => {
      const writer = new CheckpointWriter();
      const then = grown(first, second);
      const now = grown(then, third);
      const [one, two, same, last] = [
        writer.whole(first),
        writer.addition(then),
        writer.addition(then),
        writer.addition(now),
      ];
      expect(Buffer.from(same).toString("utf8")).toMatch(/^\["end","[0-9a-f]{32}"\]\n$/);
      expect(readCheckpoint(Buffer.concat([one, two, same, last]), "it")).toEqual(now);
      expect(readCheckpoint(writer.whole(now), "it")).toEqual(now);
      for (const wrong of [[two], [one, last], [one, last, two], [one, one], [one, two, two]]) {
        const body = Buffer.concat(wrong);
        expect(thrownBy(() => readCheckpoint(body, "it"))).toEqual(failsWith("BACKEND_CORRUPT"));
      }
    }),
    { numRuns: 50 },
  );
});

test("the first line says what it is, and values can be read as they are", () => {
  const made = { ...sample(), details: { ...sample().details, input: new TextEncoder().encode('{"a":"ü"}') } };
  const lines = Buffer.from(new CheckpointWriter().whole(made)).toString("utf8").split("\n");
  expect(JSON.parse(lines[0] ?? "")).toEqual([
    "millrace-checkpoint",
    CHECKPOINT_FORMAT,
    { run: "run-1", workflow: "w", version: "1", definition: STATE.definition },
  ]);
  expect(JSON.parse(lines[3] ?? "")[2]).toBe('{"a":"ü"}');
});

test("a checkpoint that is cut anywhere, or changed anywhere, is refused", () => {
  const body = new CheckpointWriter().whole(sample());
  for (let length = 0; length < body.length; length += 1) {
    expect(thrownBy(() => readCheckpoint(body.subarray(0, length), "it"))).toEqual(failsWith("BACKEND_CORRUPT"));
  }
  for (let at = 0; at < body.length; at += 1) {
    const changed = Uint8Array.from(body);
    changed[at] = (changed[at] ?? 0) ^ 1;
    const error = thrownBy(() => readCheckpoint(changed, "it"));
    expect(isMillraceError(error, "BACKEND_CORRUPT") || isMillraceError(error, "BACKEND_TOO_NEW")).toBe(true);
  }
});

test("what is no checkpoint is refused, and the form of a later release by name", () => {
  const encode = (lines: string) => new TextEncoder().encode(lines);
  for (const other of ["", "\n", "{}\n", "[]\n[]\n", '["other",1,{}]\n', "null\nnull\n", '["millrace-checkpoint"]\n']) {
    expect(thrownBy(() => readCheckpoint(encode(other), "it"))).toEqual(failsWith("BACKEND_CORRUPT"));
  }
  const newer = encode('["millrace-checkpoint",2,{}]\nsomething else entirely\n');
  expect(thrownBy(() => readCheckpoint(newer, "the checkpoint job"))).toMatchObject({
    code: "BACKEND_TOO_NEW",
    message: "the checkpoint job has the format 2; this release of millrace knows 1",
  });
});

test("a run that is put into another world is found there as it was", () => {
  fc.assert(
    fc.property(image, (before) => {
      const { images } = new MemoryWorld().namespace("default");
      images.restore(before, 10);
      const { affinity: _, ...found } = images.stateOf("run-1") ?? STATE;
      const { affinity: __, ...expected } = before.state;
      expect(found).toEqual(expected);
      const after = images.capture("run-1");
      expect(after?.items.map(({ item, payload }) => ({ item, payload }))).toEqual(before.items);
      expect(after?.deltas).toEqual(before.deltas);
      expect(after?.failures).toEqual(before.failures);
    }),
    { numRuns: 50 },
  );
});
