import { describe, expect, test } from "vitest";
import { commitOf, emit, joinOf, ProtocolWorker, publishDefinition, startOf } from "../../test/backend/engine.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { memoryOperations } from "../backend/memory/index.ts";
import { isMillraceError } from "../core/errors.ts";
import { seededRandom } from "../core/ports.ts";
import { type Backend, defineBackend } from "../stores/backend.ts";
import { dumpBackend } from "../testing/conformance/dump.ts";
import { exportRuns } from "./export-runs.ts";
import { importRuns } from "./import-runs.ts";
import { digestAfter } from "./part-lines.ts";

const HOSTILE = ["__proto__", "constructor", "a\0b", "half \ud800", '"]\n["end"', ""];

const MEASURED = [1.5, -0, Number.NaN, Number.POSITIVE_INFINITY];

async function newStore(): Promise<Backend> {
  return defineBackend(memoryOperations());
}

/** A store with a run that has something in every table, one of several parts that is paused, and checkpoints. */
async function fullStore(): Promise<Backend> {
  const backend = await newStore();
  const { operations } = backend;
  await publishDefinition(operations);
  const value = Uint8Array.from({ length: 256 }, (_, at) => at);
  const tags = Object.fromEntries(HOSTILE.map((text) => [text, text]));
  await operations.startRuns([startOf("run-1", { input: value, idempotencyKey: "\0", tags, completion: "all" })]);
  const worker = await ProtocolWorker.open(operations, "s1");
  const first = await worker.claimOne();
  const { epoch } = first.item;
  for (const name of HOSTILE)
    await operations.putMemo({ runId: "run-1", item: 0, epoch, session: "s1", name, value: new Uint8Array([1]) });
  const failure = { code: "E", message: "\ud800", stack: "at x", details: { text: HOSTILE, value, zero: -0 } };
  await worker.finish(first, { kind: "retry", delayMs: 0, failure });
  const opening = commitOf(
    await worker.claimOne(),
    emit(["branch", "branch"], { opens: { joins: [joinOf("__proto__")] } }),
    {
      delta: value,
      writes: [0],
      logs: HOSTILE.map((message) => ({ at: 1, level: "info", message, data: "{}" })),
    },
  );
  const metrics = MEASURED.map((measured) => ({ name: "m", value: measured }));
  await worker.commit({ ...opening, metrics });
  const [branch, other] = await worker.claim();
  if (branch === undefined || other === undefined) throw new Error("there are two branches");
  const arrivals = [{ join: "__proto__", of: "first", index: 0, value }];
  await worker.finish(branch, { ...emit([]), arrivals, outputs: [{ index: 1, value }], width: 2 });
  await worker.commit(commitOf(other, { kind: "fail", failure }));
  await operations.startRuns([startOf("run-2", { maxItems: 1_000 })]);
  const many = Array.from({ length: 400 }, () => "more");
  await worker.finish(await worker.claimOne(), emit(many));
  await operations.control([{ action: { kind: "pause", runId: "run-2" }, actor: "me" }]);
  await operations.startRuns([startOf("run-3")]);
  await operations.control([{ action: { kind: "cancel", runId: "run-3" } }]);
  await worker.operations.closeSession("s1");
  await backend.checkpoints.save("c1", { status: "completed", body: new Uint8Array(1_100_000).fill(7) });
  await backend.checkpoints.save("c2", { status: "failed", body: new Uint8Array() });
  return backend;
}

async function linesOf(backend: Backend, options: Parameters<typeof exportRuns>[1] = {}): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of exportRuns(backend, { move: true, checkpoints: true, ...options }).lines) lines.push(line);
  return lines;
}

async function* chunks(text: string | Uint8Array, size = 60_000): AsyncGenerator<Uint8Array> {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function imported(text: string | Uint8Array): Promise<Backend> {
  const backend = await newStore();
  await importRuns(backend, chunks(text));
  return backend;
}

/** What the import of the text is refused with. */
async function refusalOf(text: string | Uint8Array, backend?: Backend): Promise<string> {
  try {
    await importRuns(backend ?? (await newStore()), chunks(text));
  } catch (error) {
    if (isMillraceError(error)) return `${error.code} ${error.message}`;
    throw error;
  }
  return "imported";
}

/** Everything that a store shows but its sessions. */
async function contentOf({ operations }: { readonly operations: BackendOperations }): Promise<unknown> {
  const { runs, definitions } = await dumpBackend(operations);
  return { runs, definitions };
}

const full = await fullStore();
const lines = await linesOf(full);
const text = `${lines.join("\n")}\n`;

describe("a file of runs", () => {
  test("is read back as it was written, whatever is in the runs, and written again alike", async () => {
    const backend = await imported(text);
    const again = await linesOf(backend);
    expect(rowsOf(again)).toEqual(rowsOf(lines));
    expect((await backend.checkpoints.load("c1"))?.body).toEqual(new Uint8Array(1_100_000).fill(7));
    expect((await backend.operations.read.run("run-1"))?.tags).toEqual(
      Object.fromEntries(HOSTILE.map((one) => [one, one])),
    );
    const { entries } = await backend.operations.read.metrics("run-1", {});
    expect(entries.map(({ value }) => value)).toEqual(MEASURED);
  });

  test("may come in chunks that end anywhere, with other line ends, and with empty lines", async () => {
    const expected = await contentOf(await imported(text));
    const short = await linesOf(full, { checkpoints: false });
    const backend = await newStore();
    expect(await importRuns(backend, chunks(short.join("\r\n\r\n"), 3))).toMatchObject({ runs: 3, checkpoints: 0 });
    expect(await contentOf(backend)).toEqual(expected);
  });

  test("is imported again without any effect", async () => {
    const backend = await imported(text);
    const before = await contentOf(backend);
    expect(await importRuns(backend, chunks(text))).toMatchObject({
      runs: 0,
      existing: 3,
      checkpoints: 2,
      skippedCount: 0,
    });
    expect(await contentOf(backend)).toEqual(before);
  });

  test.each([
    ["nothing", "", /line 1: the file is empty/],
    ["something else", "hello\n", /line 1: /],
    ["another JSON", '{"a":1}\n', /line 1: it is not a line of exported runs/],
    ["another list", '["other",1,{}]\n', /line 1: it is not a file of exported runs/],
    ["no UTF-8", new Uint8Array([0x5b, 0xff, 0x0a]), /line 1: is not UTF-8/],
    ["a later form", '["millrace-runs",2,{}]\n', /BACKEND_TOO_NEW.+format 2/],
    ["a key that could change a prototype", `${lines[0]}\n["definition",{"__proto__":{}},""]\n`, /line 2: /],
    ["what is nested without end", `${lines[0]}\n${"[".repeat(100_000)}`, /line 2: /],
    ["an end of nothing", `${lines[0]}\n["end",{"lines":0,"digest":""}]\n`, /line 2: nothing has begun/],
    ["a kind that nobody knows", `${lines[0]}\n["secret",1]\n`, /line 2: .+"secret" has no place here/],
    ["nothing to take back", `${lines[0]}\n["nothing"]\n`, /line 2: no run has begun/],
    ["more after its end", `${text}["run"]\n`, new RegExp(`line ${lines.length + 1}: the file goes on`)],
  ])("with %s in it is refused", async (_, content, message) => {
    expect(await refusalOf(content)).toMatch(message);
  });

  test("that ends too early is refused with the place, and leaves whole runs alone", async () => {
    const whole = new Map<string, unknown>();
    const { runs } = await dumpBackend((await imported(text)).operations);
    for (const dump of runs) whole.set(dump.run.id, dump);
    for (let at = 1; at < lines.length; at += at < 20 || at > lines.length - 40 ? 1 : 37) {
      const backend = await newStore();
      expect(await refusalOf(`${lines.slice(0, at).join("\n")}\n`, backend)).toMatch(`line ${at + 1}: the file ends`);
      for (const dump of (await dumpBackend(backend.operations)).runs) expect(dump).toEqual(whole.get(dump.run.id));
      expect(await importRuns(backend, chunks(text))).toMatchObject({ skippedCount: 0 });
    }
  });

  test("that lost, doubled, swapped or changed a line is refused, and no run is there that was touched", async () => {
    const random = seededRandom(3);
    const expected = new Map(
      (await dumpBackend((await imported(text)).operations)).runs.map((dump) => [dump.run.id, dump]),
    );
    for (let round = 0; round < 100; round += 1) {
      const at = 1 + Math.floor(random.next() * (lines.length - 2));
      const changed = [...lines];
      const line = lines[at] ?? "";
      if (round % 4 === 0) changed.splice(at, 1);
      else if (round % 4 === 1) changed.splice(at, 0, line);
      else if (round % 4 === 2) changed.splice(at, 2, lines[at + 1] ?? "", line);
      else changed[at] = changedCharacter(line, random.next());
      if (changed.join("\n") === lines.join("\n")) continue;
      const backend = await newStore();
      const refusal = await refusalOf(`${changed.join("\n")}\n`, backend);
      // A definition twice, or before another line, is the same file.
      if (refusal === "imported")
        expect(line.startsWith('["definition"') || (lines[at + 1] ?? "").startsWith('["def')).toBe(true);
      else expect(refusal).toMatch(/^INVALID_VALUE line \d+: /);
      for (const dump of (await dumpBackend(backend.operations)).runs) expect(dump).toEqual(expected.get(dump.run.id));
    }
  });

  test("whose run does not add up is refused, though somebody made its digest anew", async () => {
    const forge = (change: (line: string) => string): string => forged(lines, change);
    const cases: readonly (readonly [(line: string) => string, RegExp])[] = [
      [(line) => line.replace('"open":400', '"open":401'), /tells of 401 open items, but has 400/],
      [(line) => line.replace('"completed":2', '"completed":1'), /tells of 1 completed items, but has 2/],
      [(line) => line.replace('"sequence":1,"commits"', '"sequence":2,"commits"'), /tells of 2 deltas, but has 1/],
      [(line) => line.replace('["item",{"item":2', '["item",{"item":3'), /is item 3 where item 2 was expected/],
      [(line) => line.replace('"status":"cancelled"', '"status":"running"'), /status must be one of/],
      [(line) => line.replace('"epoch":1', '"epoch":-1'), /epoch must be a whole number/],
      [(line) => line.replace('"epoch":1', '"epoch":1,"extra":1'), /unknown property "extra"/],
      [(line) => line.replace('["memo",{"item":0', '["memo",{"item":9'), /is about item 9, which is not there/],
      [
        (line) => line.replace('["arrival",{"group":0', '["arrival",{"group":1'),
        /arrived in group 1, which is not there/,
      ],
      [(line) => line.replace('"arrived":[["__proto__",1]]', '"arrived":[["__proto__",2]]'), /tells of 2 arrivals/],
      [(line) => line.replace(/"open":\d+,"joins"/, '"open":7,"joins"'), /tells of 7 open members of group 0/],
      [(line) => line.replace('"generation":1', '"generation":-1'), /generation must be/],
      [(line) => line.replace('"data":"{}","item":0', '"data":"{}","item":"0"'), /item must be a number/],
    ];
    for (const [change, message] of cases) {
      const content = forge(change);
      expect(content, String(message)).not.toBe(text);
      expect(await refusalOf(content)).toMatch(message);
    }
  });

  test("takes back a run that changed while it was written", async () => {
    const from = await fullStore();
    const { transfer } = from.operations;
    let cancelled = false;
    const changing = defineBackend({
      ...from.operations,
      transfer: {
        ...transfer,
        async export(runId, cursor) {
          if (runId === "run-2" && cursor !== undefined && !cancelled) {
            cancelled = true;
            await from.operations.control([{ action: { kind: "cancel", runId } }]);
          }
          return await transfer.export(runId, cursor);
        },
      },
    });
    const content = await linesOf(changing);
    expect(content.filter((line) => line === '["nothing"]')).toHaveLength(1);
    const backend = await newStore();
    expect(await importRuns(backend, chunks(content.join("\n")))).toMatchObject({ runs: 2 });
    expect(await backend.operations.read.runState("run-2")).toBeUndefined();
    expect(await importRuns(backend, chunks((await linesOf(from)).join("\n")))).toMatchObject({ runs: 1, existing: 2 });
  });
});

describe("an export of a move", () => {
  test("removes runs once whoever keeps the lines says so, and those that changed since stay", async () => {
    const from = await fullStore();
    await from.operations.startRuns([startOf("run-4")]);
    const moving = exportRuns(from, { move: true });
    for await (const line of moving.lines) expect(line).not.toBe("");
    expect((await from.operations.read.runs({}, {})).entries).toHaveLength(4);
    await from.operations.control([{ action: { kind: "resume", runId: "run-2" } }]);
    const result = await moving.stored();
    expect(result).toMatchObject({ runs: 4, removed: 3, skipped: [{ runId: "run-2", code: "RUN_OPEN" }] });
    expect((await from.operations.read.runs({}, {})).entries.map(({ id }) => id)).toEqual(["run-2"]);
    expect(await moving.stored()).toEqual(result);
  });

  test("lets the runs go on that it paused when the lines are not kept", async () => {
    const from = await fullStore();
    await from.operations.startRuns([startOf("run-4")]);
    const moving = exportRuns(from, { move: true });
    for await (const line of moving.lines) expect(line).not.toBe("");
    expect((await from.operations.read.runState("run-4"))?.status).toBe("paused");
    await moving.abandoned();
    expect((await from.operations.read.runState("run-4"))?.status).toBe("running");
    expect((await from.operations.read.runState("run-2"))?.status).toBe("paused");
  });
});

function changedCharacter(line: string, chance: number): string {
  const at = Math.floor(chance * line.length);
  return `${line.slice(0, at)}${line[at] === "1" ? "2" : "1"}${line.slice(at + 1)}`;
}

/** What lines say, whatever the order of their properties. */
function rowsOf(given: readonly string[]): readonly unknown[] {
  return given.slice(1).flatMap((line) => (line.startsWith('["end"') ? [] : [JSON.parse(line)]));
}

/** The lines with a change, and with digests that fit them. */
function forged(given: readonly string[], change: (line: string) => string): string {
  let [digest, count] = ["", 0];
  const made = given.map((line) => {
    const changed = change(line);
    if (/^\["(run|checkpoint)"/.test(changed)) [digest, count] = ["", 0];
    if (changed.startsWith('["end"')) return JSON.stringify(["end", { lines: count, digest }]);
    digest = digestAfter(digest, changed);
    count += 1;
    return changed;
  });
  return `${made.join("\n")}\n`;
}
