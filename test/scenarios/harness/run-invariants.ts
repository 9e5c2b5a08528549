/**
 * What must be true of runs whatever happened to the processes that executed them, checked through the store's reads
 * after the fact: counters equal recounts, sequences are dense, every item ended by one commit at its last epoch, and
 * every delta came from one. Numbers of invariants are those of ARCHITECTURE.md.
 */

import type { BackendOperations } from "../../../src/backend/contract/operations.ts";
import type { DeltaRecord, FailureEntry } from "../../../src/backend/contract/records.ts";
import type { Page, PageRequest, RunState } from "../../../src/backend/contract/run.ts";
import type { Arrival, BranchGroup, WorkItem } from "../../../src/backend/contract/work-item.ts";
import { brokenInvariants } from "../../../src/backend/rules/invariants.ts";
import { isTerminalRun } from "../../../src/core/status.ts";

/** Everything of a run that its invariants speak of. */
interface RunRecords {
  readonly run: RunState;
  readonly items: readonly WorkItem[];
  readonly deltas: readonly DeltaRecord[];
  readonly failures: readonly FailureEntry[];
}

/** What the runs went through. */
export interface RunFigures {
  readonly items: number;
  readonly deltas: number;
  /** Claims beyond the first of each item. */
  readonly reclaimed: number;
  /** Items taken from a session that vanished. */
  readonly takeovers: number;
  readonly conflicts: number;
}

/** Fails unless all invariants hold of every one of these runs; tells what they went through. */
export async function assertRunInvariants(
  operations: BackendOperations,
  runIds: readonly string[],
): Promise<RunFigures> {
  const problems: string[] = [];
  const figures = { items: 0, deltas: 0, reclaimed: 0, takeovers: 0, conflicts: 0 };
  await forEach(runIds, async (runId) => {
    const records = await readRecords(operations, runId);
    problems.push(...(await problemsOf(operations, records)).map((problem) => `${runId}: ${problem}`));
    figures.items += records.items.length;
    figures.deltas += records.deltas.length;
    figures.reclaimed += records.items.reduce((sum, { epoch }) => sum + Math.max(0, epoch - 1), 0);
    figures.takeovers += records.failures.filter(({ outcome }) => outcome === "stalled").length;
    figures.conflicts += records.run.conflicts;
  });
  if (problems.length > 0) throw new Error(`invariants are broken:\n${problems.join("\n")}`);
  return figures;
}

/** Several at a time: on a server most of the time is waiting. */
const AT_ONCE = 8;

export async function forEach<T>(list: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = list.values();
  const next = async (): Promise<void> => {
    for (const one of left) await work(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}

/** All records of a run. */
async function readRecords({ read }: BackendOperations, runId: string): Promise<RunRecords> {
  const run = await read.runState(runId);
  if (run === undefined) throw new Error(`there is no run ${runId}`);
  const items = await all((page) => read.items({ runId }, page));
  const deltas = await all((page) => read.deltas(runId, page));
  const failures = await all((page) => read.failures({ runId }, page));
  return { run, items, deltas, failures };
}

/** Every entry of a list. */
export async function all<T>(list: (page: PageRequest) => Promise<Page<T>>): Promise<readonly T[]> {
  const found: T[] = [];
  let cursor: string | undefined;
  do {
    const page: Page<T> = await list({ limit: 1_000, cursor });
    found.push(...page.entries);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found;
}

async function problemsOf(operations: BackendOperations, records: RunRecords): Promise<readonly string[]> {
  const { run, deltas } = records;
  const items = records.items.map((item) => asWritten(item, run));
  const { groups, arrivals } = await readGroups(operations, items);
  return [...brokenInvariants({ run, items, groups, arrivals, deltas }), ...historyProblems(records)];
}

/** Open items of a closed run read as cancelled; their rows are as they were. */
function asWritten(item: WorkItem, run: RunState): WorkItem {
  if (item.status !== "cancelled" || !isTerminalRun(run.status)) return item;
  return { ...item, status: item.timeoutAt === undefined ? "pending" : "in_progress" };
}

async function readGroups(
  { read }: BackendOperations,
  items: readonly WorkItem[],
): Promise<{ readonly groups: readonly BranchGroup[]; readonly arrivals: readonly Arrival[] }> {
  const groups: BranchGroup[] = [];
  const arrivals: Arrival[] = [];
  await forEach(items, async ({ runId, item }) => {
    const group = await read.group(runId, item);
    if (group === undefined) return;
    groups.push(group);
    for (const { node } of group.joins) arrivals.push(...(await all((page) => read.arrivals(runId, item, node, page))));
  });
  return { groups, arrivals };
}

/** I2, I3, I5, I6, I19 as far as what is left over tells them. */
function historyProblems({ run, items, deltas, failures }: RunRecords): readonly string[] {
  const problems: string[] = [];
  const ended = items.filter(({ commit }) => commit > 0);
  const commits = new Set(ended.map(({ commit }) => commit));
  if (commits.size !== ended.length) problems.push("I2: two items ended with the same commit");
  const sources = deltas.map(({ item, epoch }) => `${item}@${epoch}`);
  if (new Set(sources).size !== sources.length) problems.push("I2: one attempt made two deltas");
  const byId = new Map(items.map((item) => [`${item.runId}.${item.item}`, item]));
  for (const { item: id, epoch, sequence } of deltas) {
    if (id === run.id) continue;
    const item = byId.get(id);
    if (item === undefined) problems.push(`I2: delta ${sequence} is of item ${id}, which there is not`);
    // The claim that parked an item made a delta of its own.
    else if (item.epoch !== epoch && item.wait?.number !== epoch)
      problems.push(`I5: delta ${sequence} is of epoch ${epoch} of ${id}, now ${item.epoch}`);
  }
  for (const item of items) {
    const failed = failures.filter((entry) => entry.item === item.item);
    if (failed.length > item.epoch) problems.push(`I19: item ${item.item} failed more often than it was claimed`);
    if (new Set(failed.map(({ epoch }) => epoch)).size !== failed.length)
      problems.push(`I19: an attempt of item ${item.item} failed twice`);
  }
  return problems;
}
