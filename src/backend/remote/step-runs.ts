/** Runs as one run of a step sees them: what was loaded, with what the step has written laid over it. */

import type { RunDetails, RunFailure, RunRecord, RunState } from "../contract/run.ts";
import { isRunExpired } from "../rules/run-row.ts";
import type { Changes } from "./changes.ts";
import { pairKey, type RowCache } from "./row-cache.ts";
import type { Want } from "./wants.ts";

type RunChanges = Pick<Changes, "insertedRuns" | "updatedRuns" | "runFailures" | "runOutputs" | "removedRuns">;

export class StepRuns {
  readonly #cache: RowCache;
  readonly #written = new Map<string, RunState>();
  readonly #inserted = new Map<string, RunDetails>();
  readonly #removed = new Map<string, RunState>();
  readonly #keys = new Map<string, string>();
  readonly #failures = new Map<string, RunFailure | undefined>();
  readonly #outputs = new Map<string, Uint8Array>();

  constructor(cache: RowCache) {
    this.#cache = cache;
  }

  state(runId: string): RunState | undefined {
    const written = this.#written.get(runId);
    if (written !== undefined) return written;
    if (this.#removed.has(runId)) return undefined;
    if (!this.#cache.runs.has(runId)) throw this.#cache.missing([{ kind: "run", runId, hold: true }]);
    return this.#cache.runs.get(runId);
  }

  record(runId: string): RunRecord | undefined {
    const state = this.state(runId);
    if (state === undefined) return undefined;
    const details = this.#details(runId);
    return details && { ...state, ...details };
  }

  failure(runId: string): RunFailure | undefined {
    return this.#failures.has(runId) ? this.#failures.get(runId) : this.#details(runId)?.failure;
  }

  idByKey(workflow: string, idempotencyKey: string): string | undefined {
    const key = pairKey(workflow, idempotencyKey);
    const written = this.#keys.get(key);
    if (written !== undefined) return written;
    if (!this.#cache.runIds.has(key)) throw this.#cache.missing([{ kind: "runIdByKey", workflow, idempotencyKey }]);
    const found = this.#cache.runIds.get(key);
    return found === undefined || this.#removed.has(found) ? undefined : found;
  }

  insert(state: RunState, details: RunDetails): void {
    this.#written.set(state.id, state);
    this.#inserted.set(state.id, details);
    const { workflow, idempotencyKey } = details;
    if (idempotencyKey !== undefined) this.#keys.set(pairKey(workflow, idempotencyKey), state.id);
  }

  put(state: RunState): void {
    if (this.state(state.id) !== undefined) this.#written.set(state.id, state);
  }

  putFailure(runId: string, failure: RunFailure | undefined): void {
    this.#failures.set(runId, failure);
  }

  putOutput(runId: string, output: Uint8Array): void {
    this.#outputs.set(runId, output);
  }

  expired(now: number, limit: number): readonly RunState[] {
    const listed = this.#listed({ kind: "expiredRuns", limit });
    const runs = new Map(listed.flatMap((runId) => this.#entry(runId)));
    for (const [runId, state] of this.#written) runs.set(runId, state);
    return [...runs.values()]
      .filter((run) => isRunExpired(run, now))
      .sort(byTimeout)
      .slice(0, limit);
  }

  finished(before: number, limit: number): readonly string[] {
    return this.#listed({ kind: "finishedRuns", before, limit }).filter((runId) => !this.#removed.has(runId));
  }

  remove(runId: string): void {
    const before = this.#cache.runs.get(runId);
    this.#written.delete(runId);
    this.#failures.delete(runId);
    this.#outputs.delete(runId);
    for (const [key, id] of this.#keys) if (id === runId) this.#keys.delete(key);
    if (!this.#inserted.delete(runId) && before !== undefined) this.#removed.set(runId, before);
  }

  changes(): RunChanges {
    const insertedRuns = [...this.#inserted].flatMap(([runId, details]) => {
      const state = this.#written.get(runId);
      return state === undefined ? [] : [{ state, details }];
    });
    const updatedRuns = [...this.#written].flatMap(([runId, state]) => {
      const before = this.#cache.runs.get(runId);
      return before === undefined || this.#inserted.has(runId) ? [] : [{ state, before }];
    });
    return {
      insertedRuns,
      updatedRuns,
      runFailures: [...this.#failures].map(([runId, failure]) => ({ runId, failure })),
      runOutputs: [...this.#outputs].map(([runId, output]) => ({ runId, output })),
      removedRuns: [...this.#removed.values()],
    };
  }

  #details(runId: string): RunDetails | undefined {
    const loaded = this.#inserted.get(runId) ?? this.#cache.details.get(runId);
    if (loaded === undefined && !this.#cache.details.has(runId))
      throw this.#cache.missing([{ kind: "runDetails", runId }]);
    if (loaded === undefined) return undefined;
    const output = this.#outputs.get(runId) ?? loaded.output;
    const failure = this.#failures.has(runId) ? this.#failures.get(runId) : loaded.failure;
    return { ...loaded, output, failure };
  }

  #entry(runId: string): readonly (readonly [string, RunState])[] {
    const state = this.state(runId);
    return state === undefined ? [] : [[runId, state]];
  }

  #listed(want: Want): readonly string[] {
    const list = this.#cache.listOf(want);
    if (list === undefined) throw this.#cache.missing([want]);
    return list.keys.map(String);
  }
}

function byTimeout(a: RunState, b: RunState): number {
  return (a.timeoutAt ?? 0) - (b.timeoutAt ?? 0) || (a.id < b.id ? -1 : 1);
}
