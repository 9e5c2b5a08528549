/**
 * The working copy of one commit: what the run, the item and the groups around it become, and what is inserted. It keeps
 * the counters (open items, members of groups) right by construction: items come in through `insert`, end through `end`,
 * and a group fires its joins exactly when its last member ends. The run and the item are copied once and changed in place,
 * as rows of this width are what a commit's cost is made of; the rows that it was made from never change.
 */

import { LIMITS } from "../../core/limits.ts";
import { isTerminalRun } from "../../core/status.ts";
import type { Commit, CommitAnswer, NewArrival, NewItem, NewOutput } from "../contract/commit.ts";
import type { DeltaRecord, FailureEntry, MetricEntry, OutputRecord } from "../contract/records.ts";
import type { RunFailure, RunState } from "../contract/run.ts";
import type { NewWait } from "../contract/wait.ts";
import type { Arrival, BranchGroup, ItemPayload, JoinTemplate, WorkItem } from "../contract/work-item.ts";
import { arrivalsAt, firingJoins } from "./branch-group.ts";
import { appendPath } from "./branch-path.ts";
import type { CommitRows } from "./commit-rows.ts";
import { freshItem } from "./item-row.ts";
import { appendSequence, closeRun, LINK } from "./run-row.ts";
import { parkedItem, settled } from "./waits.ts";

/** Everything that an accepted commit writes, in one atomic step. */
export interface CommitEffect {
  readonly run: RunState;
  /** Set when the commit closed the run as failed. */
  readonly runFailure: RunFailure | undefined;
  /** Set when the commit gave a `single` or `first` run its output. */
  readonly runOutput: Uint8Array | undefined;
  readonly item: WorkItem;
  readonly inserted: readonly { readonly item: WorkItem; readonly payload: ItemPayload }[];
  /** New and changed groups. */
  readonly groups: readonly BranchGroup[];
  readonly arrivals: readonly Arrival[];
  /** Terminal outputs of an `all` run. */
  readonly outputs: readonly OutputRecord[];
  readonly delta: DeltaRecord | undefined;
  readonly failure: FailureEntry | undefined;
  /** Empty when the attempt left no trace: it failed, or was given back. */
  readonly metrics: readonly MetricEntry[];
  /** Number of the attempt that the commit ended; its log lines are kept under it, whatever became of it. */
  readonly attempt: number;
  readonly answer: CommitAnswer & { readonly kind: "committed" };
}

/** A row while it is being drafted. */
type Drafted<T> = { -readonly [K in keyof T]: T[K] };

export class Draft {
  run: Drafted<RunState>;
  item: Drafted<WorkItem>;
  readonly now: number;
  readonly #rows: CommitRows;
  readonly #groups = new Map<number, BranchGroup>();
  readonly #inserted: { item: WorkItem; payload: ItemPayload }[] = [];
  readonly #arrivals: Arrival[] = [];
  readonly #outputs: OutputRecord[] = [];
  #runFailure: RunFailure | undefined;
  #runOutput: Uint8Array | undefined;
  #failure: FailureEntry | undefined;
  /** False once the attempt has failed or is given back: its delta and metrics are dropped. */
  #takesEffect = true;

  readonly #start: { readonly run: RunState; readonly item: WorkItem };

  constructor(run: RunState, item: WorkItem, rows: CommitRows, now: number) {
    this.#start = { run, item };
    this.run = { ...run, commits: run.commits + 1 };
    this.item = { ...item };
    this.now = now;
    this.#rows = rows;
  }

  /** Takes back everything drafted so far. */
  discard(): void {
    const { run, item } = this.#start;
    this.run = { ...run, commits: run.commits + 1 };
    this.item = { ...item };
    this.#groups.clear();
    this.#inserted.length = 0;
    this.#arrivals.length = 0;
    this.#outputs.length = 0;
    this.#runOutput = undefined;
    this.#takesEffect = false;
  }

  group(number: number): BranchGroup | undefined {
    return this.#groups.get(number) ?? this.#rows.group(number);
  }

  heldNodes(): readonly string[] {
    const before = this.#rows.heldNodes();
    return this.item.status === "held" && !before.includes(this.item.node) ? [...before, this.item.node] : before;
  }

  /** Opens a group around what the item emits. Returns false when groups would nest too deep. */
  openGroup(joins: readonly JoinTemplate[]): boolean {
    const { item, run } = this;
    const parent = item.group === undefined ? undefined : this.group(item.group);
    const depth = (parent?.depth ?? 0) + 1;
    if (depth > LIMITS.openGroups) return false;
    const { group, index, path } = { group: item.item, index: item.index, path: item.path };
    const fresh = {
      runId: run.id,
      group,
      fanOut: item.node,
      parent: item.group,
      index,
      path,
      depth,
      open: 0,
      joins,
      arrived: {},
      done: false,
    };
    this.#groups.set(group, fresh);
    this.#addMembers(item.group, 1);
    return true;
  }

  insert(fresh: NewItem, group: number | undefined, width: number): void {
    this.#insertItem(fresh, group, {
      index: fresh.index,
      path: appendPath(this.item.path, fresh.index, width),
      joins: undefined,
    });
    this.#addMembers(group, 1);
  }

  /**
   * Records an arrival in the nearest enclosing group of the join's fan-out; false when there is none. A group that has
   * fired takes no more: only held items that a resume re-opened come that late, and their branch had ended for it.
   */
  arrive(arrival: NewArrival, group: number | undefined, width: number): boolean {
    const target = this.#enclosing(group, arrival.of);
    if (target === undefined) return false;
    if (target.done) return true;
    const { join, index, value } = arrival;
    const arrived = { ...target.arrived, [join]: arrivalsAt(target, join) + 1 };
    this.#groups.set(target.group, { ...target, arrived });
    const path = appendPath(this.item.path, index, width);
    const { runId, item: from, node } = this.item;
    this.#arrivals.push({ runId, group: target.group, join, from, node, path, commit: this.run.commits, index, value });
    return true;
  }

  output({ index, value }: NewOutput, width: number): void {
    const { completion, outputs } = this.run;
    if (completion === "all") {
      const path = appendPath(this.item.path, index, width);
      this.#outputs.push({ from: this.item.item, path, commit: this.run.commits, index, value });
    } else if (outputs === 0) this.#runOutput = value;
    this.run.outputs += 1;
  }

  /** Ends the item as no member of anything any more; fires the joins of groups that this completes. */
  end(status: "completed" | "held" | "failed"): void {
    this.item.status = status;
    this.item.endedAt = this.now;
    this.run.open -= 1;
    this.run[status] += 1;
    const opened = this.#groups.get(this.item.item);
    if (opened !== undefined) this.#fireIfComplete(opened.group);
    this.#addMembers(this.item.group, -1);
    if (this.item.group !== undefined) this.#fireIfComplete(this.item.group);
  }

  /** Parks the item. What it waits for is registered by whoever writes the commit. */
  park(wait: NewWait): void {
    this.item = parkedItem(this.item, wait, this.now);
    this.run.parked += 1;
    if (wait.child !== undefined) this.run.links = (this.run.links ?? 0) | LINK.children;
  }

  fail(failure: FailureEntry["failure"], outcome: FailureEntry["outcome"]): void {
    const { runId, item, node, attempts, epoch } = this.item;
    const workerId = this.#rows.workerId;
    this.#failure = { runId, item, node, attempt: attempts + 1, epoch, failure, outcome, workerId, at: this.now };
    this.item.failure = failure;
    this.#takesEffect = false;
  }

  close(status: "completed" | "failed", failure?: RunFailure): void {
    if (isTerminalRun(this.run.status)) return;
    this.run = { ...closeRun(this.run, status, this.now) };
    this.#runFailure = failure;
  }

  effect(commit: Commit): CommitEffect {
    const appended = this.#takesEffect && commit.delta !== undefined;
    if (appended) this.run = { ...appendSequence(this.run, commit.writes) };
    this.run = { ...settled(this.run, this.now) };
    this.run.conflicts += commit.conflicts;
    this.run.affinity = this.#rows.session;
    this.item.commit = this.run.commits;
    this.item.commitDigest = commit.digest;
    this.item.conflicts += commit.conflicts;
    this.item.ranMs = Math.max(0, this.now - (this.item.claimedAt ?? this.now));
    this.item.timeoutAt = undefined;
    const { run, item, now } = this;
    return {
      run,
      runFailure: this.#runFailure,
      runOutput: this.#runOutput,
      item,
      inserted: this.#inserted,
      groups: [...this.#groups.values()],
      arrivals: this.#arrivals,
      outputs: this.#outputs,
      delta: appended && commit.delta !== undefined ? deltaRecord(run, item, commit.delta, now) : undefined,
      failure: this.#failure,
      metrics: this.#takesEffect
        ? commit.metrics.map((metric) => ({ runId: run.id, item: item.item, node: item.node, ...metric, at: now }))
        : [],
      attempt: this.#start.item.attempts + 1,
      answer: {
        kind: "committed",
        sequence: run.sequence,
        appended,
        at: now,
        runStatus: run.status,
        itemStatus: committedStatus(item),
      },
    };
  }

  #enclosing(group: number | undefined, fanOut: string): BranchGroup | undefined {
    let at = group === undefined ? undefined : this.group(group);
    while (at !== undefined && at.fanOut !== fanOut) at = at.parent === undefined ? undefined : this.group(at.parent);
    return at;
  }

  /** Members of a group that has fired are not counted any more. */
  #addMembers(number: number | undefined, change: number): void {
    const group = number === undefined ? undefined : this.group(number);
    if (group === undefined || group.done) return;
    this.#groups.set(group.group, { ...group, open: group.open + change });
  }

  /** Its joins go into the parent group in its stead, so the parent becomes complete by this only if there are none. */
  #fireIfComplete(number: number): void {
    const group = this.group(number);
    if (group === undefined || group.open > 0 || group.done) return;
    this.#groups.set(number, { ...group, done: true });
    const firing = firingJoins(group);
    for (const join of firing) {
      const fresh: NewItem = { ...join, kind: "join", input: undefined, delayMs: 0, index: group.index };
      this.#insertItem(fresh, group.parent, { index: group.index, path: group.path, joins: number });
    }
    this.#addMembers(group.parent, firing.length - 1);
    if (group.parent !== undefined) this.#fireIfComplete(group.parent);
  }

  #insertItem(
    fresh: NewItem,
    group: number | undefined,
    place: { index: number; path: string; joins: number | undefined },
  ): void {
    const item = freshItem(this.run.id, this.run.items, fresh, { ...place, group, from: this.item.item }, this.now);
    this.#inserted.push({ item, payload: { input: fresh.input, failure: fresh.failure } });
    this.run.items += 1;
    this.run.open += 1;
  }
}

export function committedStatus(item: WorkItem): (CommitAnswer & { readonly kind: "committed" })["itemStatus"] {
  // A wait may be over before its commit is answered.
  if (item.wait?.number === item.epoch && (item.status === "waiting" || item.status === "pending")) return "waiting";
  switch (item.status) {
    case "completed":
    case "held":
    case "waiting_retry":
    case "failed":
    case "permanently_failed":
      return item.status;
    case "pending":
    case "in_progress":
    case "waiting":
    case "cancelled":
      return "pending";
  }
}

function deltaRecord(run: RunState, item: WorkItem, delta: Uint8Array, at: number): DeltaRecord {
  return { sequence: run.sequence, item: `${run.id}.${item.item}`, epoch: item.epoch, at, delta };
}
