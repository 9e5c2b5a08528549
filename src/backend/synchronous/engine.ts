/**
 * What runs steps: the operations of a backend are written once over this, wherever the rows live. A step is a function
 * of rows, so that it may be run again; whoever runs it sees to it that it happens atomically, or not at all.
 */

import type { Claim, CommitAndClaim, Peek } from "../contract/claim.ts";
import type { ControlRequest } from "../contract/control.ts";
import type { BackendOperations } from "../contract/operations.ts";
import type { DefinitionRecord } from "../contract/records.ts";
import type { StartRun } from "../contract/run.ts";
import type { Renewal } from "../contract/session.ts";
import type { SentEvent } from "../contract/wait.ts";
import type { AtomicStep } from "./atomic-step.ts";
import type { RowStore } from "./row-store.ts";

export interface Engine {
  /**
   * Runs `work` as one atomic step, durable once the promise resolves; nothing of it stays when it throws. `undertaking`
   * says what it is about, so that rows which live elsewhere can be fetched before they are asked for. Where `nextDueAt` of the
   * rows is known only once the step is over, `finish` is called to complete the result by it.
   */
  write<T>(
    work: (step: AtomicStep) => T,
    undertaking?: Undertaking,
    finish?: (result: T, aftermath: Aftermath) => T,
  ): Promise<T>;
  /** What a claim would find. Absent where nobody can tell without claiming. */
  peek?(claim: Claim): Promise<Peek>;
  /** Runs `work` against rows that include every write acknowledged before the call. */
  read<T>(work: (store: RowStore) => T): Promise<T>;
  /** The backend's clock. */
  now(): Promise<number>;
  subscribe: BackendOperations["subscribe"];
  /** Waits for what is in flight, then frees everything. */
  close(): Promise<void>;
}

/** What the rows say right after a step. */
export interface Aftermath {
  readonly now: number;
  /** As `RowStore.nextDueAt` would give. */
  readonly nextDueAt: number | undefined;
  /** Ready items were left out because another step held them: there may be more to take in a moment. */
  readonly contended: boolean;
}

/** What a step is about to do, in the words of the contract. */
export type Undertaking =
  | { readonly kind: "publish"; readonly definitions: readonly Pick<DefinitionRecord, "hash" | "name" | "version">[] }
  | { readonly kind: "startRuns"; readonly starts: readonly StartRun[] }
  | { readonly kind: "control"; readonly requests: readonly ControlRequest[] }
  | { readonly kind: "commitAndClaim"; readonly request: CommitAndClaim }
  | { readonly kind: "sendEvents"; readonly events: readonly SentEvent[] }
  | { readonly kind: "session"; readonly id: string }
  | { readonly kind: "renew"; readonly renewal: Renewal }
  | { readonly kind: "item"; readonly runId: string; readonly item: number }
  | { readonly kind: "checkpoint"; readonly id: string }
  | { readonly kind: "document"; readonly of: string; readonly key: string };
