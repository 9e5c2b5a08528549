/**
 * Making a backend out of a store of rows, for whoever writes one: the engine decides everything, the store keeps rows and
 * indexes. Beside it the rows of the memory backend, to begin with or to make durable. Nothing here keeps anything itself.
 */

import type { Capabilities } from "./backend/contract/capabilities.ts";
import type { Commit } from "./backend/contract/commit.ts";
import type { ControlRequest } from "./backend/contract/control.ts";
import { createMemoryStore } from "./backend/memory/memory-store.ts";
import type { AttachedSessions } from "./backend/synchronous/attached-sessions.ts";
import { synchronousOperations } from "./backend/synchronous/operations.ts";
import type { Executor, RowStore } from "./backend/synchronous/row-store.ts";
import type { WakeupHub } from "./backend/synchronous/wakeups.ts";
import { type FailureRecord, MillraceError } from "./core/errors.ts";
import { checkName } from "./core/names.ts";
import { type Clock, systemClock } from "./core/ports.ts";
import { decodeValue, encodeValue } from "./core/values.ts";
import { type Backend, defineBackend } from "./stores/backend.ts";

/** A store of rows, and what it can do. */
export interface BackendOverRowsOptions {
  /** Name of the kind of store, for people and logs. */
  readonly kind: string;
  /** What to show of where the data is. Must hold no secret: it appears in logs and errors. */
  readonly location: string;
  /** The world that the rows belong to. Default `default`. */
  readonly namespace?: string | undefined;
  /**
   * What is true of the store, not what is hoped for. Sessions are renewed in the process only where nobody else opens the
   * same data; a thread of its own needs a URL that `connect` knows, so that stays with the stores of this package.
   */
  readonly capabilities: Omit<Capabilities, "renewal"> & { readonly renewal: "inProcess" | "main" };
  readonly store: RowStore;
  readonly executor: Executor;
  /** The clock that decides what is due, the same for all who open the data. The system's if absent. */
  readonly clock?: Clock | undefined;
  /** One for all handles of this process on the same data; also where hints from outside come in. One of its own if absent. */
  readonly wakeups?: WakeupHub | undefined;
  /** One for all handles of this process on the same data. One of its own if absent. */
  readonly attached?: AttachedSessions | undefined;
}

/**
 * A backend over rows: every operation is one call of the executor, all decisions are the engine's. What rows hold is JSON,
 * and `Uint8Array`. Throws `INVALID_VALUE` for a namespace that is no name, `INVALID_CONFIG` for capabilities that
 * contradict each other.
 */
export function backendOverRows(options: BackendOverRowsOptions): Backend {
  const { kind, location, capabilities, store, executor, wakeups, attached } = options;
  checkCapabilities(capabilities);
  const namespace = checkName(options.namespace ?? "default", "the namespace");
  const clock = options.clock ?? systemClock;
  const parts = { store, executor, clock, wakeups, attached };
  const operations = synchronousOperations({ kind, location, namespace, capabilities, ...parts });
  return defineBackend({
    ...operations,
    commitAndClaim: (request) =>
      operations.commitAndClaim({ ...request, commits: request.commits.map(storableCommit) }),
    control: (requests) => operations.control(requests.map(storableControl)),
  });
}

/** Rows of one namespace in memory, empty. `write` of the executor runs its work before it returns; a failed one leaves no trace. */
export function memoryRows(): { readonly store: RowStore; readonly executor: Executor } {
  const { store, executor } = createMemoryStore();
  return { store, executor };
}

function storableCommit(commit: Commit): Commit {
  const { outcome } = commit;
  if (!("failure" in outcome) || outcome.failure.details === undefined) return commit;
  return { ...commit, outcome: { ...outcome, failure: storable(outcome.failure) } };
}

function storableControl(request: ControlRequest): ControlRequest {
  const { action } = request;
  return action.kind === "fail" ? { ...request, action: { ...action, failure: storable(action.failure) } } : request;
}

/** Details are what somebody threw: a failure is stored all the same, with a note where they are no data. */
function storable(failure: FailureRecord): FailureRecord {
  if (failure.details === undefined) return failure;
  try {
    return { ...failure, details: decodeValue(encodeValue(failure.details, { what: "details" })) };
  } catch {
    return { ...failure, details: { leftOut: "they could not be stored" } };
  }
}

function checkCapabilities({ renewal, shared }: Capabilities): void {
  if (renewal === "thread") {
    throw new MillraceError("INVALID_CONFIG", "a store of one's own cannot be renewed from a second thread", {
      hints: ['Name "inProcess" for a store that only this process opens, else "main".'],
    });
  }
  if (renewal === "inProcess" && shared) {
    throw new MillraceError("INVALID_CONFIG", "sessions of a store that is shared cannot be renewed in the process", {
      hints: ['Name "main": other processes judge a session by its row alone.'],
    });
  }
}
