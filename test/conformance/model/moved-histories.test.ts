import fc from "fast-check";
import { expect, test } from "vitest";
import type { BackendOperations } from "../../../src/backend/contract/operations.ts";
import type { RunHead, RunPart } from "../../../src/backend/contract/transfer.ts";
import { manualClock } from "../../../src/core/ports.ts";
import { isTerminalRun } from "../../../src/core/status.ts";
import { dumpBackend, type RunDump } from "../../../src/testing/conformance/dump.ts";
import { equal } from "../../../src/testing/conformance/expectation.ts";
import { importParts, partsOf, portrait } from "../../../src/testing/conformance/moved-runs.ts";
import { fileLines } from "../../../src/transfer/file-lines.ts";
import { LineWriter } from "../../../src/transfer/part-lines.ts";
import { readFileEntries } from "../../../src/transfer/part-reader.ts";
import { memory, START, sqliteInMemory } from "../subjects.ts";
import { type Command, history } from "./command.ts";
import { Player } from "./player.ts";
import { recount } from "./recount.ts";

const HISTORIES = 40;

test("Whatever happened to runs, they are exported alike from every store, and arrive as they were, also by a file", async () => {
  const seen = { runs: 0, open: 0, inProgress: 0, groups: 0 };
  const property = fc.asyncProperty(history, async (commands) => {
    const clock = manualClock(START);
    const harnesses = await Promise.all([memory(clock), sqliteInMemory(clock), sqliteInMemory(clock)]);
    const [model, tested, target] = await Promise.all(harnesses.map((harness) => harness.open()));
    if (model === undefined || tested === undefined || target === undefined) return;
    await playAll(model, tested, commands, clock);
    for (const dump of (await dumpBackend(model)).runs) {
      await moveOne(model, tested, target, dump);
      count(seen, dump);
    }
    recount((await dumpBackend(target)).runs);
    for (const backend of [model, tested, target]) await backend.close();
    for (const harness of harnesses) await harness.dispose();
  });
  await fc.assert(property, { numRuns: HISTORIES, seed: 20_250_101 });
  expect(seen.runs).toBeGreaterThan(HISTORIES);
  for (const some of [seen.open, seen.inProgress, seen.groups]) expect(some).toBeGreaterThan(HISTORIES / 2);
});

async function playAll(
  model: BackendOperations,
  tested: BackendOperations,
  commands: readonly Command[],
  clock: ReturnType<typeof manualClock>,
): Promise<void> {
  const player = new Player(model, tested, clock, new Map());
  await player.begin();
  for (const command of commands) await player.play(command);
}

async function moveOne(
  model: BackendOperations,
  tested: BackendOperations,
  target: BackendOperations,
  { run }: RunDump,
): Promise<void> {
  const parts = await partsOf(model, run.id);
  equal(await partsOf(tested, run.id), parts, `the parts of run ${run.id} from the other store`);
  equal(await partsFromFile(parts), parts, `the parts of run ${run.id} from a file`);
  equal(await importParts(target, parts), { kind: "imported" }, `the import of run ${run.id}`);
  equal(
    await portrait(target, run.id),
    arrived(await portrait(model, run.id), parts[0]?.head),
    `run ${run.id} where it arrived`,
  );
  equal(await partsOf(target, run.id), parts, `the parts of run ${run.id} where it arrived`);
}

async function partsFromFile(parts: readonly RunPart[]): Promise<readonly RunPart[]> {
  const writer = new LineWriter();
  const lines = [writer.header(0), ...parts.flatMap((part) => [...writer.part(part)]), writer.footer(1, 0)];
  const read: RunPart[] = [];
  for await (const entry of readFileEntries(fileLines(chunksOf(lines))))
    if (entry.kind === "part") read.push(entry.part);
  return read;
}

async function* chunksOf(lines: readonly string[]): AsyncGenerator<string> {
  for (const line of lines) yield `${line}\n`;
}

/** The run as it is to arrive: paused if it was open, with nobody at it, and with its key if no other run took that over. */
function arrived({ run, items, ...rest }: RunDump, head: RunHead | undefined): RunDump {
  const open = !isTerminalRun(run.status);
  return {
    ...rest,
    run: { ...run, status: open ? "paused" : run.status, idempotencyKey: head?.details.idempotencyKey },
    items: items.map((item) => (item.status === "in_progress" ? { ...item, status: "pending" } : item)),
  };
}

function count(seen: { runs: number; open: number; inProgress: number; groups: number }, dump: RunDump): void {
  seen.runs += 1;
  seen.open += isTerminalRun(dump.run.status) ? 0 : 1;
  seen.inProgress += dump.items.filter(({ status }) => status === "in_progress").length;
  seen.groups += dump.groups.length;
}
