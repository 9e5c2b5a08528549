/**
 * What has finished and is not committed yet, in order, and how it becomes a batch of commits. Here the conflicts among a
 * worker's own items of one run are settled before the store has to refuse anything: changes that only update what they
 * found are made again on what was committed meanwhile, and a commit names the earlier ones of its batch that its context
 * already contained. It sends nothing. Invariant: a commit that is conditional says truly what its context contained.
 */

import type { Commit, CommitAnswer } from "../backend/contract/commit.ts";
import { LIMITS } from "../core/limits.ts";
import { applyDelta, type FoldedContext } from "../definition/context/delta.ts";
import type { ContextState } from "../definition/context/state.ts";
import type { Execution } from "../execution/attempt.ts";
import { type CommitPlace, commitBytes, commitOf } from "../execution/commit.ts";
import type { ActiveItem } from "./active-item.ts";

/** An execution that waits to be committed. */
export interface Finished {
  readonly item: ActiveItem;
  execution: Execution;
  /** Changes, not committed then, that its context contained: in order, with what they were. */
  builtOn: readonly Change[];
  /** Once the store has answered. */
  answer: CommitAnswer | undefined;
}

/** A change as of some moment: its execution may have been made again since. */
export interface Change {
  readonly finished: Finished;
  readonly execution: Execution;
}

/** A batch on its way. */
export interface Batch {
  readonly finished: readonly Finished[];
  readonly commits: readonly Commit[];
  /** Their bodies have to run again: what they read has changed. They are not in the outbox any more. */
  readonly outdated: readonly ActiveItem[];
}

/** A context with changes that are not committed yet. */
export interface ProvisionalView {
  readonly view: FoldedContext;
  readonly builtOn: readonly Change[];
}

/** The context of a run as far as it is known to be committed. */
export type KnownContext = (runId: string) => FoldedContext | undefined;

/** A committed context and the changes of the outbox on top of it. */
interface Chain {
  readonly committed: FoldedContext;
  state: ContextState;
  readonly changes: Change[];
  /** Entries of the outbox that have been looked at. */
  seen: number;
}

interface Place extends CommitPlace {
  readonly builtOn: readonly Change[];
}

export class Outbox {
  readonly #known: KnownContext;
  #entries: Finished[] = [];
  readonly #chains = new Map<string, Chain>();

  constructor(known: KnownContext) {
    this.#known = known;
  }

  get size(): number {
    return this.#entries.length;
  }

  push(finished: Finished): void {
    this.#entries.push(finished);
  }

  /** Puts back to the front what was taken and not committed. */
  putBack(finished: readonly Finished[]): void {
    this.#entries = [...finished, ...this.#entries];
    this.#chains.clear();
  }

  clear(): void {
    this.#entries = [];
    this.#chains.clear();
  }

  /** The committed context of the item's run with everything on top of it that waits here. */
  viewFor(item: ActiveItem, committed: FoldedContext): ProvisionalView {
    const chain = this.#chainOf(item, committed);
    return { view: { state: chain.state, sequence: committed.sequence }, builtOn: [...chain.changes] };
  }

  /** Takes the next batch from the front: at most `most` commits, as many bytes as one request takes. */
  take(most: number): Batch {
    const batch = new BatchBuilder(this.#known);
    let taken = 0;
    for (const finished of this.#entries) {
      if (batch.isFull(finished, most)) break;
      batch.add(finished);
      taken += 1;
    }
    this.#entries = this.#entries.slice(taken);
    this.#chains.clear();
    return batch;
  }

  #chainOf(item: ActiveItem, committed: FoldedContext): Chain {
    const known = this.#chains.get(item.runId);
    const chain = known?.committed === committed ? known : { committed, state: committed.state, changes: [], seen: 0 };
    for (; chain.seen < this.#entries.length; chain.seen += 1) {
      const finished = this.#entries[chain.seen];
      if (finished?.item.runId === item.runId) extend(chain, finished);
    }
    this.#chains.set(item.runId, chain);
    return chain;
  }
}

/** One batch as it is put together. */
class BatchBuilder implements Batch {
  readonly finished: Finished[] = [];
  readonly commits: Commit[] = [];
  readonly outdated: ActiveItem[] = [];
  readonly #known: KnownContext;
  readonly #positions = new Map<Finished, number>();
  /** Changes in this batch, by run. */
  readonly #changes = new Map<string, Change[]>();
  readonly #chains = new Map<string, Chain>();
  #bytes = 0;

  constructor(known: KnownContext) {
    this.#known = known;
  }

  isFull(next: Finished, most: number): boolean {
    if (this.commits.length >= most) return true;
    return this.commits.length > 0 && this.#bytes + commitBytes(next.execution) > LIMITS.batchBytes;
  }

  add(finished: Finished): void {
    const { item } = finished;
    const place = this.#placeOf(finished);
    if (place === undefined) {
      this.outdated.push(item);
      return;
    }
    finished.builtOn = place.builtOn;
    const { execution } = finished;
    const position = this.commits.length;
    this.commits.push(commitOf(item.claimed, execution, item.attempt.conflicts, place));
    this.finished.push(finished);
    this.#positions.set(finished, position);
    this.#bytes += commitBytes(execution);
    if (execution.changes === undefined) return;
    const changes = this.#changes.get(item.runId);
    if (changes === undefined) this.#changes.set(item.runId, [{ finished, execution }]);
    else changes.push({ finished, execution });
    const chain = this.#chains.get(item.runId);
    if (chain !== undefined) extend(chain, finished);
  }

  /** `undefined` if the body has to run again. */
  #placeOf(finished: Finished): Place | undefined {
    const { execution, item } = finished;
    if (execution.reads.length === 0) return { base: execution.base, after: [], builtOn: [] };
    const earlier = this.#changes.get(item.runId) ?? [];
    if (!item.attempt.isSerializable && (earlier.length > 0 || this.#isBehind(finished))) {
      return this.#rebased(finished, earlier);
    }
    const base = committedBase(finished, this.#positions);
    if (base === undefined) return this.#rebased(finished, earlier);
    const contained = new Set(finished.builtOn.map((change) => change.finished));
    const overtaken = earlier.some(
      (change) => !contained.has(change.finished) && intersect(change.execution.writes, execution.reads),
    );
    return overtaken
      ? this.#rebased(finished, earlier)
      : { base, after: this.#positionsOf(earlier), builtOn: finished.builtOn };
  }

  #isBehind({ item, execution }: Finished): boolean {
    const known = this.#known(item.runId);
    return known !== undefined && known.sequence > execution.base;
  }

  /** Makes its changes again on the newest context known and on the changes before it in this batch. */
  #rebased(finished: Finished, earlier: readonly Change[]): Place | undefined {
    const { item, execution } = finished;
    const committed = this.#known(item.runId);
    if (committed === undefined || execution.rebase === undefined) return undefined;
    const chain = this.#chains.get(item.runId) ?? chainOn(committed, earlier);
    this.#chains.set(item.runId, chain);
    try {
      const again = execution.rebase({ state: chain.state, sequence: committed.sequence });
      if (again === undefined) return undefined;
      finished.execution = again;
    } catch {
      // What the user's function throws, the body is told when it runs again.
      return undefined;
    }
    return { base: committed.sequence, after: this.#positionsOf(earlier), builtOn: [...earlier] };
  }

  #positionsOf(changes: readonly Change[]): readonly number[] {
    return changes.flatMap(({ finished }) => this.#positions.get(finished) ?? []);
  }
}

/**
 * The sequence that the context of an execution was committed at, by now: changes that it was built on may have been
 * committed since. `undefined` if one of them was not, or not as it was then.
 */
function committedBase(finished: Finished, positions: ReadonlyMap<Finished, number>): number | undefined {
  let { base } = finished.execution;
  for (const { finished: before, execution } of finished.builtOn) {
    if (before.execution !== execution) return undefined;
    if (positions.has(before)) continue;
    if (before.answer?.kind !== "committed") return undefined;
    // With somebody else's change in between the store has to decide, by what it keeps of each field.
    if (before.answer.appended && before.answer.sequence === base + 1) base = before.answer.sequence;
  }
  return base;
}

function chainOn(committed: FoldedContext, changes: readonly Change[]): Chain {
  const chain: Chain = { committed, state: committed.state, changes: [], seen: 0 };
  for (const { finished } of changes) extend(chain, finished);
  return chain;
}

function extend(chain: Chain, finished: Finished): void {
  const { item, execution } = finished;
  if (execution.changes === undefined) return;
  const { claimed, key, attempt } = item;
  const stamp = { item: key, epoch: claimed.item.epoch, at: item.now() };
  chain.changes.push({ finished, execution });
  try {
    chain.state = applyDelta(attempt.program.shape, chain.state, execution.changes, stamp);
  } catch {
    // A merge of the user's fails on it, so nobody can fold this run's context again: its attempts will fail by that.
  }
}

function intersect(left: readonly number[], right: readonly number[]): boolean {
  return left.some((number) => right.includes(number));
}
