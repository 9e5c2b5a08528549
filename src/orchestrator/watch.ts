/**
 * Following a run: an async iterable of what happened to it and to its items, in commit order, from the beginning or
 * from a commit on, until it ends. What happens faster than it is read is gathered: of an item that changed twice in
 * between, the later state is seen. It holds nothing for a slow reader and keeps listening only while it is iterated.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { RunState } from "../backend/contract/run.ts";
import type { WorkItem } from "../backend/contract/work-item.ts";
import { isTerminalRun, type RunStatus } from "../core/status.ts";
import { allPages } from "../stores/all-pages.ts";
import { formatItemId } from "../stores/item-id.ts";
import { runNotFound } from "../stores/run-control.ts";
import { toWorkItemInfo, type WorkItemInfo } from "../stores/work-item-info.ts";
import { checkSignal } from "./await-run.ts";
import type { Orchestration } from "./orchestration.ts";
import { listenForRun, POLL_MS } from "./run-hints.ts";

/** Something that happened to a run. Instants are the backend's, in milliseconds since 1970. */
export type RunEvent<Node extends string = string> = RunStatusEvent | RunItemEvent<Node>;

/** The run has a status: the first that was seen, and every other that followed. */
export interface RunStatusEvent {
  readonly type: "run";
  readonly runId: string;
  /** When the status became what it is. */
  readonly at: number;
  readonly status: RunStatus;
  /** Commits accepted so far; `after` of a later watch. */
  readonly commit: number;
}

/** An attempt of an item was committed: it completed, failed, held, is tried again, or was given back. */
export interface RunItemEvent<Node extends string = string> {
  readonly type: "item";
  readonly runId: string;
  /** When the commit was made. */
  readonly at: number;
  readonly itemId: string;
  readonly node: Node;
  readonly status: WorkItemInfo["status"];
  readonly item: WorkItemInfo;
  /** The run's commit; `after` of a later watch. */
  readonly commit: number;
}

/** How to follow a run. */
export interface WatchOptions {
  /** Ends the iteration with `CANCELLED`. */
  readonly signal?: AbortSignal | undefined;
  /** Leaves out the commits up to this one; 0 if absent. */
  readonly after?: number | undefined;
}

/** A look costs the more the larger the run; this many times as long is rested after it, so that watching stays cheap. */
const REST = 4;

/** Follows a run to its end; events of items first, then that of the run. Throws `RUN_NOT_FOUND`, also when it is deleted meanwhile, and `CANCELLED`. */
export async function* watchRun<Node extends string = string>(
  { operations, clock }: Orchestration,
  runId: string,
  options: WatchOptions = {},
): AsyncGenerator<RunEvent<Node>, void, void> {
  const hints = listenForRun(operations, clock, runId);
  let seen = options.after ?? 0;
  let last: RunState | undefined;
  try {
    for (;;) {
      checkSignal(options.signal, runId);
      const lookedAt = clock.monotonic();
      const state = await operations.read.runState(runId);
      if (state === undefined) throw runNotFound(runId);
      const changed = state.commits > seen ? await changedItems(operations, state, seen) : [];
      const restMs = Math.min(POLL_MS, REST * (clock.monotonic() - lookedAt));
      for (const item of changed) yield itemEvent<Node>(item);
      seen = Math.max(seen, state.commits);
      if (last?.status !== state.status || last.statusAt !== state.statusAt) yield statusEvent(state);
      last = state;
      if (isTerminalRun(state.status)) return;
      await hints.next(POLL_MS, options.signal);
      if (restMs >= 1) await clock.sleep(restMs, options.signal).catch(() => undefined);
    }
  } finally {
    hints.close();
  }
}

/**
 * Items that commits after `seen` changed, as far as the state knows. Pages are read one after another while the run
 * goes on, so what a later commit changed is left for the next look; else an earlier commit could be passed over.
 */
async function changedItems(
  operations: BackendOperations,
  state: RunState,
  seen: number,
): Promise<readonly WorkItem[]> {
  const changed: WorkItem[] = [];
  const filter = { runId: state.id, changedAfter: seen };
  for await (const item of allPages((page) => operations.read.items(filter, page))) {
    if (item.commit <= state.commits) changed.push(item);
  }
  return changed.sort((a, b) => a.commit - b.commit);
}

function itemEvent<Node extends string>(item: WorkItem): RunItemEvent<Node> {
  const { runId, status, commit } = item;
  return {
    type: "item",
    runId,
    at: (item.claimedAt ?? item.createdAt) + (item.ranMs ?? 0),
    itemId: formatItemId(runId, item.item),
    // The caller's word for the names of the workflow's nodes.
    node: item.node as Node,
    status,
    item: toWorkItemInfo(item),
    commit,
  };
}

function statusEvent(state: RunState): RunStatusEvent {
  return { type: "run", runId: state.id, at: state.statusAt, status: state.status, commit: state.commits };
}
