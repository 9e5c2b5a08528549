/**
 * What an explanation is made of, read once from the store. Everything that is decided about it is decided elsewhere,
 * purely; this file is the only one of its folder that reads.
 */

import type { AuditEntry } from "../../backend/contract/control.ts";
import type { BackendOperations } from "../../backend/contract/operations.ts";
import type { DefinitionRecord } from "../../backend/contract/records.ts";
import type { RunRecord, RunState } from "../../backend/contract/run.ts";
import type { SessionRecord } from "../../backend/contract/session.ts";
import type { WaitRecord } from "../../backend/contract/wait.ts";
import type { WorkItem } from "../../backend/contract/work-item.ts";
import type { WorkItemStatus } from "../../core/status.ts";
import { allPages } from "../../stores/all-pages.ts";
import { runNotFound } from "../../stores/run-control.ts";
import type { ItemProgress } from "../../stores/work-item-info.ts";

/** The surroundings of a run, as of one look. */
export interface Facts {
  /** The backend's time. */
  readonly now: number;
  readonly run: RunRecord;
  /** Ids of sessions to sessions, signed-off and dead ones too. */
  readonly sessions: ReadonlyMap<string, SessionRecord>;
  readonly definitions: readonly DefinitionRecord[];
  /** The last action of an operator of each kind. */
  readonly actions: ReadonlyMap<AuditEntry["action"], AuditEntry>;
  /** What the last attempts of the items in question said of how far they are, by number. */
  readonly progress?: ReadonlyMap<number, ItemProgress> | undefined;
  /** What the items in question wait for, by number. */
  readonly waits?: ReadonlyMap<number, WaitRecord> | undefined;
  /** The child runs that they wait for, by id. */
  readonly children?: ReadonlyMap<string, RunState> | undefined;
  /** Attempts that a node may make, where the code is at hand. */
  readonly maxAttempts: (node: string) => number | undefined;
  /** Age of a heartbeat from which on a worker is stale. */
  readonly thresholdMs: number;
}

/** Items that an explanation of a run looks at; the rest is counted. */
const EXPLAINED_ITEMS = 100;

/** Reads the surroundings of a run. Throws `RUN_NOT_FOUND`. */
export async function readFacts(
  operations: BackendOperations,
  runId: string,
  known: Pick<Facts, "maxAttempts" | "thresholdMs">,
): Promise<Facts> {
  const { read } = operations;
  const [run, sessions, definitions, now] = await Promise.all([
    read.run(runId),
    read.sessions(),
    read.definitions(),
    operations.now(),
  ]);
  if (run === undefined) throw runNotFound(runId);
  const actions = new Map<AuditEntry["action"], AuditEntry>();
  for await (const entry of allPages((page) => read.audit(runId, page))) actions.set(entry.action, entry);
  return {
    now,
    run,
    sessions: new Map(sessions.map((session) => [session.id, session])),
    definitions,
    actions,
    ...known,
  };
}

/** What these items wait for, and how their children are. */
export async function readWaits(
  { read }: BackendOperations,
  items: readonly WorkItem[],
): Promise<Pick<Facts, "waits" | "children">> {
  const parked = items.filter(({ status, wait }) => status === "waiting" && wait?.kind !== "sleep");
  const records = await Promise.all(parked.map(({ runId, item }) => read.wait(runId, item)));
  const waits = records.filter((record) => record !== undefined);
  const children = await Promise.all(waits.flatMap(({ childId }) => childId ?? []).map((id) => read.runState(id)));
  return {
    waits: new Map(waits.map((wait) => [wait.item, wait])),
    children: new Map(children.filter((child) => child !== undefined).map((child) => [child.id, child])),
  };
}

/** Items of the run that are worth a sentence: what is open, or what failed or is held where nothing is open. */
export async function readTelling({ read }: BackendOperations, run: RunRecord): Promise<readonly WorkItem[]> {
  const page = { limit: EXPLAINED_ITEMS };
  const telling: readonly WorkItemStatus[] =
    run.finishedAt === undefined
      ? ["in_progress", "pending", "waiting_retry", "waiting"]
      : ["permanently_failed", "held"];
  return (await read.items({ runId: run.id, status: telling }, page)).entries;
}
