/**
 * From claimed items to finished executions, and from the store's answers to what comes next: load the context, run the
 * body, run it again after a conflict, end it when its time is over or its run is closed. It talks to the store only
 * through its items and its cache; commits wait in its outbox until the work loop takes them. Invariant: every accepted
 * item leaves by exactly one way: committed, refused, or given up.
 */

import type { ClaimedItem } from "../backend/contract/claim.ts";
import type { CommitAnswer } from "../backend/contract/commit.ts";
import type { DefinitionRecord } from "../backend/contract/records.ts";
import type { HeldItem } from "../backend/contract/session.ts";
import { formatDuration } from "../core/duration.ts";
import { type AttemptFailure, describeFailure, engineFailure } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { Clock } from "../core/ports.ts";
import type { FoldedContext } from "../definition/context/delta.ts";
import type { Execution } from "../execution/attempt.ts";
import { createEmptyProgram, type Program } from "../execution/program.ts";
import { isInVain, waitedInVain } from "../execution/wait-answer.ts";
import { ActiveItem, type ItemSurroundings, revocation, type TimeLimit } from "./active-item.ts";
import { ActiveItems } from "./active-items.ts";
import { type Conclusion, concludeItem } from "./conclusion.ts";
import type { ContextCache } from "./context-cache.ts";
import { type Batch, type Change, type Finished, Outbox } from "./outbox.ts";
import type { Programs } from "./programs.ts";
import { ownedBy } from "./rejections.ts";
import { RunLines } from "./run-lines.ts";

/** What an executor is told to work with. */
export interface ExecutorPorts {
  readonly clock: Clock;
  readonly programs: Programs;
  readonly contexts: ContextCache;
  readonly surroundings: ItemSurroundings;
  readDefinition(hash: string): Promise<DefinitionRecord | undefined>;
  /** Something may be there to be sent, or a slot is free. */
  changed(): void;
  started(item: ActiveItem): void;
  concluded(conclusion: Conclusion): void;
}

/** Nothing that nobody looks at needs a context. */
const UNSEEN: FoldedContext = { state: { fields: [] }, sequence: 0 };

export class ItemExecutor {
  readonly items: ActiveItems;
  readonly outbox: Outbox;
  readonly #ports: ExecutorPorts;
  readonly #lines: RunLines;

  constructor(ports: ExecutorPorts) {
    this.#ports = ports;
    this.items = new ActiveItems(ports.clock, () => this.expire());
    this.outbox = new Outbox((runId) => ports.contexts.known(runId));
    this.#lines = new RunLines((item) => this.#prepare(item));
  }

  /** What the worker believes to hold. */
  get held(): readonly HeldItem[] {
    return [...this.items].flatMap((item) => (item.state === "running" ? [item.held] : []));
  }

  /** Takes an item that was claimed by a request first sent at `sentAt` (monotonic). */
  accept(claimed: ClaimedItem, sentAt: number): void {
    const { definition } = claimed.run;
    const program = this.#ports.programs.known(definition);
    if (program === undefined) void this.#acceptOlder(claimed, sentAt);
    else this.#start(this.#admit(claimed, program, sentAt));
  }

  /** The next batch for the store. What has to run again instead of being committed is started again. */
  take(most: number): Batch {
    const batch = this.outbox.take(most);
    this.#lines.block(
      new Set(batch.finished.flatMap(({ item, execution }) => (execution.changes ? [item.runId] : []))),
    );
    for (const item of batch.outdated) this.#conflicted(item);
    return batch;
  }

  /** Takes the answers to a batch, in its order. */
  settle({ finished }: Batch, answers: readonly CommitAnswer[]): void {
    for (const [at, one] of finished.entries()) {
      const answer = answers[at];
      if (answer !== undefined) this.#answered(one, answer);
    }
    this.#lines.unblock();
  }

  /** Takes a batch back that the store has not applied. */
  putBack({ finished }: Batch): void {
    this.outbox.putBack(finished);
    this.#lines.unblock();
  }

  /** The store cannot take the one commit of this batch: its attempt fails instead. False if that was tried before. */
  replace({ finished: [finished] }: Batch, failure: AttemptFailure): boolean {
    this.#lines.unblock();
    if (finished === undefined || finished.item.state !== "finished") return true;
    const { item } = finished;
    if (item.isReplaced) return false;
    item.isReplaced = true;
    this.items.resume(item);
    void this.#fail(item, failure, true);
    return true;
  }

  /** Ends what has run out of time: the failure counts, whatever the body does after that. */
  expire(): void {
    for (const item of this.items.due()) {
      const { code } = item.limit;
      const { item: row } = item.claimed;
      const ms = code === "TIMEOUT" ? row.timeoutMs : (row.deadlineMs ?? 0);
      const what = code === "TIMEOUT" ? "timeout" : "deadline";
      const message = `node "${row.node}" did not finish within its ${what} of ${formatDuration(ms)}`;
      item.abort(revocation(code, item, message));
      void this.#fail(item, engineFailure(code, message), code === "DEADLINE");
    }
  }

  /** Items that the store says are not this worker's any more. */
  revoke(item: HeldItem, why: "closed" | "lost"): void {
    const active = this.items.get(`${item.runId}.${item.item}`);
    if (active === undefined || active.claimed.item.epoch !== item.epoch || active.state !== "running") return;
    if (why === "closed") this.#giveUp(active, revocation("RUN_CLOSED", active, `run ${item.runId} was closed`));
    else this.#giveUp(active, revocation("STALE_LEASE", active, "the lease on the item was lost to another worker"));
  }

  /** Gives back everything that is running. */
  releaseAll(why: string): void {
    for (const item of [...this.items]) {
      if (item.state !== "running") continue;
      item.abort(revocation("CANCELLED", item, why));
      item.execution += 1;
      this.#finish(item, item.attempt.release(0), []);
    }
  }

  /** Forgets everything: the session is gone, and whatever was held with it. */
  giveUpAll(why: string): void {
    this.outbox.clear();
    for (const item of [...this.items]) this.#giveUp(item, revocation("STALE_LEASE", item, why));
    this.#lines.unblock();
  }

  close(): void {
    this.items.close();
  }

  #admit(claimed: ClaimedItem, program: Program, sentAt: number): ActiveItem {
    const item = new ActiveItem(claimed, program, timeLimit(claimed, sentAt), this.#ports.surroundings);
    const before = this.items.get(item.key);
    if (before !== undefined) this.#giveUp(before, revocation("STALE_LEASE", before, "the item was claimed again"));
    this.items.add(item);
    return item;
  }

  async #acceptOlder(claimed: ClaimedItem, sentAt: number): Promise<void> {
    const { programs, readDefinition } = this.#ports;
    const { definition } = claimed.run;
    const item = this.#admit(claimed, createEmptyProgram(definition), sentAt);
    try {
      const program = await programs.load(definition, readDefinition);
      if (item.state !== "running") return;
      this.items.remove(item);
      item.settle();
      this.#start(this.#admit(claimed, program, sentAt));
    } catch (error) {
      await this.#fail(item, describeFailure(error), true);
    }
  }

  #start(item: ActiveItem): void {
    this.#ports.started(item);
    this.#begin(item);
  }

  #begin(item: ActiveItem): void {
    const { reason, item: row } = item.claimed;
    switch (reason) {
      case "ready":
        if (item.attempt.isSerializable && item.attempt.node?.seesContext === true) this.#lines.enter(item);
        else this.#prepare(item);
        return;
      case "stalled":
        void this.#fail(item, engineFailure("STALLED", stallMessage(row.node, row.stalls)), true);
        return;
      case "timeout":
        void this.#fail(item, engineFailure("TIMEOUT", overdue(row.node, "timeout", row.timeoutMs)), false);
        return;
      case "deadline": {
        const why = isInVain(row) ? waitedInVain(row) : overdue(row.node, "deadline", row.deadlineMs ?? 0);
        void this.#fail(item, engineFailure("DEADLINE", why), true);
        return;
      }
    }
  }

  /** Gets the context, then runs the body. */
  #prepare(item: ActiveItem): void {
    const { node, program } = item.attempt;
    if (node?.seesContext !== true) {
      this.#run(item, UNSEEN, []);
      return;
    }
    try {
      const loaded = this.#ports.contexts.load(item.runId, program.shape, item.knownSequence);
      if (!(loaded instanceof Promise)) this.#runOn(item, loaded);
      else {
        const { execution } = item;
        void loaded.then(
          (context) => {
            if (item.isAt(execution)) this.#runOn(item, context);
          },
          (error: unknown) => {
            if (item.isAt(execution)) void this.#fail(item, describeFailure(error), false);
          },
        );
      }
    } catch (error) {
      void this.#fail(item, describeFailure(error), false);
    }
  }

  #runOn(item: ActiveItem, committed: FoldedContext): void {
    if (!item.attempt.isSerializable) {
      this.#run(item, committed, []);
      return;
    }
    const { view, builtOn } = this.outbox.viewFor(item, committed);
    this.#run(item, view, builtOn);
  }

  #run(item: ActiveItem, view: FoldedContext, builtOn: readonly Change[]): void {
    item.execution += 1;
    const { execution } = item;
    const owner = {
      rejected: (reason: unknown): void => {
        if (item.isAt(execution)) void this.#fail(item, describeFailure(reason), false);
        else item.logger.warn("a promise of a finished attempt was rejected", { itemId: item.key });
      },
    };
    const executing = ownedBy(owner, () => item.attempt.execute(view));
    void executing.then((result) => {
      if (item.isAt(execution)) this.#finish(item, result, builtOn);
    });
  }

  /** Ends the attempt as failed, whatever its body is doing. */
  async #fail(item: ActiveItem, failure: AttemptFailure, isFinal: boolean): Promise<void> {
    item.execution += 1;
    const { execution } = item;
    const result = await item.attempt.fail(failure, isFinal);
    if (item.isAt(execution)) this.#finish(item, result, []);
  }

  #finish(item: ActiveItem, execution: Execution, builtOn: readonly Change[]): void {
    this.items.finish(item);
    this.outbox.push({ item, execution, builtOn, answer: undefined });
    this.#lines.leave(item);
    this.#ports.changed();
  }

  #answered(finished: Finished, answer: CommitAnswer): void {
    const { item, execution } = finished;
    finished.answer = answer;
    if (item.state !== "finished") return;
    if (answer.kind === "refused" && answer.code === "CONTEXT_CONFLICT") {
      item.knownSequence = Math.max(item.knownSequence, answer.sequence);
      this.#lost(finished);
      return;
    }
    this.items.remove(item);
    item.settle();
    if (answer.kind === "committed") this.#committed(item, execution, answer);
    this.#ports.concluded(concludeItem(item, execution, answer));
  }

  #committed(item: ActiveItem, execution: Execution, answer: CommitAnswer & { readonly kind: "committed" }): void {
    const { contexts } = this.#ports;
    if (answer.appended && execution.changes !== undefined) {
      const { sequence, at } = answer;
      const stamp = { item: item.key, epoch: item.claimed.item.epoch, at };
      const bytes = execution.delta?.length ?? 0;
      contexts.add(item.runId, item.attempt.program.shape, { sequence, delta: execution.changes, bytes, stamp });
    }
    if (answer.runStatus === "running" || answer.runStatus === "waiting" || answer.runStatus === "paused") return;
    contexts.forget(item.runId);
    for (const other of [...this.items]) {
      if (other.runId === item.runId)
        this.#giveUp(other, revocation("RUN_CLOSED", other, `run ${item.runId} is ${answer.runStatus}`));
    }
  }

  /** The store refused it by what others changed. Changes may be made again without the body; for that the context must be newer. */
  #lost(finished: Finished): void {
    const { item, execution } = finished;
    if (execution.rebase === undefined || item.attempt.isSerializable) {
      this.#conflicted(item);
      return;
    }
    item.attempt.conflicts += 1;
    if (this.#isWornOut(item)) return;
    this.items.resume(item);
    const { execution: number } = item;
    const loaded = this.#ports.contexts.load(item.runId, item.attempt.program.shape, item.knownSequence);
    void Promise.resolve(loaded).then(
      () => {
        if (item.isAt(number)) this.#finish(item, execution, []);
      },
      (error: unknown) => {
        if (item.isAt(number)) void this.#fail(item, describeFailure(error), false);
      },
    );
  }

  /** Its execution lost: the body runs again on a newer context, within the same attempt. */
  #conflicted(item: ActiveItem): void {
    item.attempt.conflicts += 1;
    if (this.#isWornOut(item)) return;
    this.items.resume(item);
    this.#begin(item);
  }

  /** After too many conflicts in a row the item goes back, and others go first. */
  #isWornOut(item: ActiveItem): boolean {
    if (item.attempt.conflicts < LIMITS.conflictsInARow) return false;
    this.items.resume(item);
    item.execution += 1;
    const delayMs = Math.round(CONFLICT_DELAY_MS * (0.5 + item.random.next()));
    this.#finish(item, item.attempt.release(delayMs), []);
    return true;
  }

  #giveUp(item: ActiveItem, reason: ReturnType<typeof revocation>): void {
    this.items.remove(item);
    item.giveUp(reason);
    this.#lines.leave(item);
    this.#ports.concluded({ item, outcome: "lost" });
    this.#ports.changed();
  }
}

const CONFLICT_DELAY_MS = 100;

/**
 * When an attempt has run out of time. Counted from when the claim was sent, which is a little early: the failure is to
 * be committed here, before the store hands the item to somebody else for it.
 */
function timeLimit({ reason, item }: ClaimedItem, sentAt: number): TimeLimit {
  const { claimedAt, timeoutAt, deadlineAt } = item;
  if (reason !== "ready" || claimedAt === undefined) return { at: Number.POSITIVE_INFINITY, code: "TIMEOUT" };
  const timeout = timeoutAt ?? Number.POSITIVE_INFINITY;
  const deadline = deadlineAt ?? Number.POSITIVE_INFINITY;
  return { at: sentAt + Math.min(timeout, deadline) - claimedAt, code: deadline <= timeout ? "DEADLINE" : "TIMEOUT" };
}

function overdue(node: string, what: "timeout" | "deadline", ms: number): string {
  return `node "${node}" did not finish within its ${what} of ${formatDuration(ms)}`;
}

function stallMessage(node: string, stalls: number): string {
  return `the workers that executed node "${node}" vanished ${stalls} times in a row without a result`;
}
