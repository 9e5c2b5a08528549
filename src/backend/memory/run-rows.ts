/**
 * Runs in memory: their hot state, what they carry, and the orders in which they are looked up. Everything else of a run hangs
 * on its entry here, so that a run is removed by removing that.
 */

import { isTerminalRun } from "../../core/status.ts";
import type { RunDetails, RunFilter, RunRecord, RunState } from "../contract/run.ts";
import { decodeCursor } from "../synchronous/paging.ts";
import type { RowStore } from "../synchronous/row-store.ts";
import type { Journal } from "./journal.ts";
import { compareText, OrderedRows } from "./ordered-rows.ts";
import { copyOf, pageOf, take } from "./row-page.ts";
import { compareInstants, type InstantKey, RunRow } from "./run-row.ts";

const RUNS = "runs";

export class RunTable {
  readonly #journal: Journal;
  readonly #byId = new Map<string, RunRow>();
  readonly #byKey = new Map<string, string>();
  readonly #ids: OrderedRows<{ readonly id: string }, RunRow>;
  readonly #byCreation: OrderedRows<InstantKey, RunRow>;
  readonly #expiries: OrderedRows<InstantKey, InstantKey>;
  readonly #finished: OrderedRows<InstantKey, InstantKey>;

  constructor(journal: Journal) {
    this.#journal = journal;
    this.#ids = new OrderedRows(journal, (a, b) => compareText(a.id, b.id));
    this.#byCreation = new OrderedRows(journal, compareInstants);
    this.#expiries = new OrderedRows(journal, compareInstants);
    this.#finished = new OrderedRows(journal, compareInstants);
  }

  get(runId: string): RunRow | undefined {
    return this.#byId.get(runId);
  }

  /** By id, from after `runId` on. */
  ascending(runId?: string): Iterable<RunRow> {
    return this.#ids.ascending(runId === undefined ? undefined : { id: runId });
  }

  /** When the first timeout of an open run is due. */
  firstExpiry(): number | undefined {
    return this.#expiries.first()?.at;
  }

  remove(runId: string): void {
    const row = this.#byId.get(runId);
    if (row === undefined) return;
    this.#index(row, { ...row.state, timeoutAt: undefined, finishedAt: undefined });
    this.#journal.set(this.#byId, runId, undefined);
    this.#ids.remove(row);
    this.#byCreation.remove(row);
    const key = keyOf(row.details);
    if (key !== undefined && this.#byKey.get(key) === runId) this.#journal.set(this.#byKey, key, undefined);
  }

  rows(): RunMethods {
    return {
      runState: (runId) => this.#byId.get(runId)?.state,
      runStates: (runIds) => runIds.flatMap((runId) => this.#byId.get(runId)?.state ?? []),
      runRecord: (runId) => recordOf(this.#byId.get(runId)),
      runFailure: (runId) => this.#byId.get(runId)?.details.failure,
      runIdByKey: (workflow, idempotencyKey) => this.#byKey.get(JSON.stringify([workflow, idempotencyKey])),
      insertRun: (state, details) => this.#insert(state, details),
      putRun: (state) => this.#put(state),
      putRunFailure: (runId, failure) => this.#detail(runId, { failure }),
      putRunOutput: (runId, output) => this.#detail(runId, { output: copyOf(output) }),
      runs: (filter, page) => {
        const [at, id] = decodeCursor(RUNS, page.cursor, ["number", "string"]) ?? [];
        const rows = this.#byCreation.descending(at === undefined || id === undefined ? undefined : { at, id });
        return pageOf(RUNS, rows, page, {
          entry: (row) => record(row),
          position: (row) => [row.at, row.id],
          where: (row) => matches(row, filter),
        });
      },
      expiredRuns: (now, limit) => {
        const due = take(this.#expiries.ascending(), limit, (key) => key.at <= now);
        return due.flatMap((key) => this.#byId.get(key.id)?.state ?? []);
      },
      finishedRuns: (before, limit) =>
        take(this.#finished.ascending(), limit, (key) => key.at < before).map((key) => key.id),
    };
  }

  #insert(state: RunState, details: RunDetails): void {
    const own = { ...details, input: copyOf(details.input), tags: { ...details.tags } };
    const row = new RunRow(this.#journal, state, own);
    this.#journal.set(this.#byId, state.id, row);
    this.#ids.insert(row);
    this.#byCreation.insert(row);
    const key = keyOf(details);
    if (key !== undefined) this.#journal.set(this.#byKey, key, state.id);
    this.#index(row, state);
  }

  #put(state: RunState): void {
    const row = this.#byId.get(state.id);
    if (row === undefined) return;
    const before = row.state;
    row.state = state;
    this.#journal.changed(() => {
      row.state = before;
    });
    this.#index(row, state);
  }

  #detail(runId: string, change: Partial<RunDetails>): void {
    const row = this.#byId.get(runId);
    if (row === undefined) return;
    const before = row.details;
    row.details = { ...before, ...change };
    this.#journal.changed(() => {
      row.details = before;
    });
  }

  #index(row: RunRow, state: RunState): void {
    const open = state.status === "running" || state.status === "waiting";
    const expiry = this.#move(this.#expiries, row, row.expiry, open ? state.timeoutAt : undefined);
    const finish = this.#move(
      this.#finished,
      row,
      row.finish,
      isTerminalRun(state.status) ? state.finishedAt : undefined,
    );
    if (expiry === row.expiry && finish === row.finish) return;
    const before = { expiry: row.expiry, finish: row.finish };
    row.expiry = expiry;
    row.finish = finish;
    this.#journal.changed(() => {
      row.expiry = before.expiry;
      row.finish = before.finish;
    });
  }

  #move(
    index: OrderedRows<InstantKey, InstantKey>,
    row: RunRow,
    before: InstantKey | undefined,
    at: number | undefined,
  ): InstantKey | undefined {
    if (before?.at === at) return before;
    if (before !== undefined) index.remove(before);
    if (at === undefined) return undefined;
    const key = { at, id: row.id };
    index.insert(key);
    return key;
  }
}

type RunMethods = Pick<
  RowStore,
  | "runState"
  | "runStates"
  | "runRecord"
  | "runFailure"
  | "runIdByKey"
  | "insertRun"
  | "putRun"
  | "putRunFailure"
  | "putRunOutput"
  | "runs"
  | "expiredRuns"
  | "finishedRuns"
>;

function keyOf({ workflow, idempotencyKey }: RunDetails): string | undefined {
  return idempotencyKey === undefined ? undefined : JSON.stringify([workflow, idempotencyKey]);
}

function recordOf(row: RunRow | undefined): RunRecord | undefined {
  return row === undefined ? undefined : record(row);
}

function record({ state, details }: RunRow): RunRecord {
  const { input, output } = details;
  return { ...state, ...details, input: copyOf(input), output: output === undefined ? undefined : copyOf(output) };
}

function matches({ state, details }: RunRow, filter: RunFilter): boolean {
  const { status, workflow, version, tags, since, until, search } = filter;
  return (
    (status === undefined || status.includes(state.status)) &&
    (workflow === undefined || workflow === details.workflow) &&
    (version === undefined || version === details.version) &&
    (since === undefined || state.createdAt >= since) &&
    (until === undefined || state.createdAt <= until) &&
    Object.entries(tags ?? {}).every(
      ([name, value]) => Object.hasOwn(details.tags, name) && details.tags[name] === value,
    ) &&
    (search === undefined || textsOf(state, details).some((text) => text.includes(search)))
  );
}

function textsOf({ id }: RunState, { workflow, tags, idempotencyKey }: RunDetails): readonly string[] {
  return [id, workflow, idempotencyKey ?? "", ...Object.values(tags)];
}
