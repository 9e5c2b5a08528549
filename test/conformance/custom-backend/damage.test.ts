import { mkdir, open, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { openJournal } from "../../../examples/custom-backend/journal.ts";
import { JournalFile } from "../../../examples/custom-backend/journal-file.ts";
import type { BackendOperations } from "../../../src/backend/contract/operations.ts";
import { type ErrorCode, isMillraceError } from "../../../src/core/errors.ts";
import { manualClock } from "../../../src/core/ports.ts";
import { type BackendDump, dumpBackend } from "../../../src/testing/conformance/dump.ts";
import { equal } from "../../../src/testing/conformance/expectation.ts";
import { DEFINITION, newItem, output, ProtocolWorker, publishDefinition, startOf } from "../../backend/engine.ts";
import { scratchFolder } from "./scratch-journal.ts";

const clock = manualClock(1_000);
const failsWith = (code: ErrorCode) => expect.toSatisfy((error) => isMillraceError(error, code));

async function openAt(folder: string, compactBytes = 1_000_000): Promise<BackendOperations> {
  return (await openJournal({ folder, clock, durability: "process", compactBytes })).operations;
}

/** Bytes of a folder's one generation. */
async function bytesOf(folder: string): Promise<Buffer> {
  const [name = "", ...others] = await readdir(join(folder, "default"));
  expect(others).toEqual([]);
  return await readFile(join(folder, "default", name));
}

async function journalOf(bytes: Uint8Array, generation = 1): Promise<string> {
  const folder = scratchFolder();
  await mkdir(join(folder, "default"));
  await writeFile(join(folder, "default", `${generation}.jsonl`), bytes);
  return folder;
}

interface Moment {
  /** Length of the journal when everything until now was answered. */
  readonly length: number;
  readonly dump: BackendDump;
}

/** A little of everything, with what was there after each answer. */
async function lifeOf(folder: string): Promise<readonly Moment[]> {
  const journal = await openAt(folder);
  const moments: Moment[] = [];
  const note = async () => moments.push({ length: (await bytesOf(folder)).length, dump: await dumpBackend(journal) });
  await note();
  await publishDefinition(journal);
  await note();
  await journal.startRuns([startOf("one", { tags: { $bytes: "no bytes", a: "\0\ud800" }, idempotencyKey: "key" })]);
  await note();
  const worker = await ProtocolWorker.open(journal, "s");
  await note();
  const claimed = await worker.claimOne();
  await note();
  await worker.finish(claimed, output("1"));
  await note();
  await journal.control([{ action: { kind: "delete", runId: "one" }, actor: "me" }]);
  await note();
  await journal.close();
  return moments;
}

afterEach(() => {
  vi.restoreAllMocks();
});

test("a journal that is cut off at any byte has exactly what was answered before, and goes on", async () => {
  const folder = scratchFolder();
  const moments = await lifeOf(folder);
  const bytes = await bytesOf(folder);
  expect(moments.at(-1)?.length).toBe(bytes.length);
  for (let length = 0; length <= bytes.length; length += 1) {
    const journal = await openAt(await journalOf(bytes.subarray(0, length)));
    const expected = moments.findLast((moment) => moment.length <= length) ?? moments[0];
    equal(await dumpBackend(journal), expected?.dump, `what is there of ${length} bytes`);
    if (length % 32 === 0) {
      await publishDefinition(journal);
      expect(await journal.startRuns([startOf("after")])).toMatchObject([{ kind: "started" }]);
    }
    await journal.close();
  }
}, 120_000);

test("a byte that changes in what was written before the last two answers is found", async () => {
  const folder = scratchFolder();
  const moments = await lifeOf(folder);
  const bytes = await bytesOf(folder);
  const until = moments.at(-3)?.length ?? 0;
  expect(until).toBeGreaterThan(1_000);
  for (let at = 0; at < until; at += 1) {
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    await expect(openAt(await journalOf(damaged)), `byte ${at}`).rejects.toThrow(failsWith("BACKEND_CORRUPT"));
  }
}, 120_000);

test("a generation that was not finished gives way to the one before, and is never mistaken for an empty store", async () => {
  const folder = scratchFolder();
  const moments = await lifeOf(folder);
  const bytes = await bytesOf(folder);
  const begun = await journalOf(bytes);
  await writeFile(join(begun, "default", "2.jsonl"), bytes.subarray(0, 40));
  const journal = await openAt(begun);
  equal(await dumpBackend(journal), moments.at(-1)?.dump, "what is there");
  expect(await readdir(join(begun, "default"))).toEqual(["3.jsonl"]);
  await journal.close();
  await expect(openAt(await journalOf(bytes.subarray(0, 40), 7))).rejects.toThrow(failsWith("BACKEND_CORRUPT"));
});

test("what a newer version wrote is left alone", async () => {
  const folder = await journalOf(Buffer.from(""));
  const file = await JournalFile.begin(join(folder, "default"), false);
  await file.append([Buffer.from('{"journal":2}')]);
  await file.close();
  await expect(openAt(folder)).rejects.toThrow(failsWith("BACKEND_TOO_NEW"));
});

test("who opens a journal has it: the process before is told at its next write, and nothing of that is kept", async () => {
  const folder = scratchFolder();
  const before = await openAt(folder);
  await publishDefinition(before);
  await before.startRuns([startOf("one")]);
  // As another process would: beside the handles of this one.
  const taken = await JournalFile.begin(join(folder, "default"), false);
  const outcomes = await Promise.allSettled([before.startRuns([startOf("two")]), before.read.run("one")]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await expect(before.read.run("one")).rejects.toThrow(failsWith("CLOSED"));
  const text = await taken.before();
  await taken.discard();
  const told = text?.lines.map(({ at, length }) => text.bytes.toString("utf8", at, at + length)).join("\n");
  expect(told).toContain('"id":"one"');
  await before.close();
});

test("a journal is begun anew when it has grown, and keeps what counts", async () => {
  const folder = scratchFolder();
  const journal = await openAt(folder, 20_000);
  await publishDefinition(journal);
  await journal.startRuns([startOf("kept", { first: newItem("first", { delayMs: 60_000 }) })]);
  const worker = await ProtocolWorker.open(journal, "s");
  for (let at = 0; at < 60; at += 1) {
    await journal.startRuns([startOf(`run-${at}`)]);
    await worker.finish(await worker.claimOne(), output("1"));
    await journal.control([{ action: { kind: "delete", runId: `run-${at}` } }]);
  }
  const [name = ""] = await readdir(join(folder, "default"));
  expect(Number.parseInt(name, 10)).toBeGreaterThan(2);
  expect((await bytesOf(folder)).length).toBeLessThan(60_000);
  const dump = await dumpBackend(journal);
  await journal.close();
  const again = await openAt(folder);
  equal(await dumpBackend(again), dump, "what is there");
  await again.close();
});

test("a disk that is full for a while loses nothing: no answer leaves before it has taken everything", async () => {
  const folder = scratchFolder();
  const journal = await openAt(folder);
  await publishDefinition(journal);
  const write = await fileMethod("write");
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
  write.mockRejectedValueOnce(full);
  await expect(journal.startRuns([startOf("one")])).rejects.toThrow(failsWith("BACKEND_UNAVAILABLE"));
  write.mockRejectedValueOnce(full);
  await expect(journal.read.run("one")).rejects.toThrow(failsWith("BACKEND_UNAVAILABLE"));
  // Sent again, it gets the answer that was lost.
  expect(await journal.startRuns([startOf("one")])).toMatchObject([{ kind: "existing" }]);
  expect(await journal.startRuns([startOf("two")])).toMatchObject([{ kind: "started" }]);
  await journal.close();
  const again = await openAt(folder);
  expect((await again.read.runs({}, {})).entries.map(({ id }) => id).sort()).toEqual(["one", "two"]);
  expect((await again.read.definition(DEFINITION))?.hash).toBe(DEFINITION);
  await again.close();
});

test("a disk that does not confirm what it was given is not believed again before the journal is reopened", async () => {
  const folder = scratchFolder();
  const { operations: journal } = await openJournal({ folder, clock });
  await publishDefinition(journal);
  const sync = await fileMethod("datasync");
  sync.mockRejectedValueOnce(Object.assign(new Error("EIO: i/o error, fdatasync"), { syscall: "fdatasync" }));
  await expect(journal.startRuns([startOf("one")])).rejects.toThrow(failsWith("BACKEND_UNAVAILABLE"));
  await expect(journal.startRuns([startOf("one")])).rejects.toThrow(failsWith("BACKEND_UNAVAILABLE"));
  await journal.close();
  const again = await openJournal({ folder, clock });
  expect(await again.operations.startRuns([startOf("two")])).toMatchObject([{ kind: "started" }]);
  await again.close();
});

test("handles of one process share a journal, and one that asks for more than the first is refused", async () => {
  const folder = scratchFolder();
  const [first, second] = [await openAt(folder), await openAt(folder)];
  await expect(openJournal({ folder, clock })).rejects.toThrow(failsWith("DURABILITY_TOO_WEAK"));
  await publishDefinition(first);
  await first.close();
  expect(await second.read.definitions()).toHaveLength(1);
  await second.close();
  const power = await openJournal({ folder, clock });
  const less = await openJournal({ folder, clock, durability: "process" });
  expect([power, less].map(({ capabilities }) => capabilities.durability)).toEqual(["power", "power"]);
  await power.close();
  await less.close();
});

test("a namespace that is no name, or a folder that cannot be one, is refused", async () => {
  const folder = scratchFolder();
  await expect(openJournal({ folder, namespace: "../other" })).rejects.toThrow(failsWith("INVALID_VALUE"));
  await writeFile(join(folder, "file"), "");
  await expect(openJournal({ folder: join(folder, "file") })).rejects.toThrow(failsWith("BACKEND_UNAVAILABLE"));
});

/** The platform's own method of open files, to let it fail. */
async function fileMethod(name: "write" | "datasync") {
  const handle = await open(join(scratchFolder(), "any"), "w");
  await handle.close();
  const prototype: Record<typeof name, () => Promise<unknown>> = Object.getPrototypeOf(handle);
  return vi.spyOn(prototype, name);
}
