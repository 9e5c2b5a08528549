/**
 * The working memory of one atomic step: its instant, the runs it has loaded, and the hints to give once it is durable.
 * A run is loaded once and written once, however many commits of the step touch it. Nothing outside the store changes
 * here, so that an executor may run a step again whose transaction did not come about.
 */

import { MillraceError } from "../../core/errors.ts";
import { isTerminalRun } from "../../core/status.ts";
import type { Wakeup } from "../contract/operations.ts";
import type { DefinitionRecord } from "../contract/records.ts";
import type { RunState } from "../contract/run.ts";
import type { ItemPayload, WorkItem } from "../contract/work-item.ts";
import { isQueued } from "../rules/due.ts";
import { LINK } from "../rules/run-row.ts";
import type { AttachedSessions } from "./attached-sessions.ts";
import type { Blockades } from "./blockades.ts";
import { type Message, messageEntry } from "./messages.ts";
import { placementOf } from "./placement.ts";
import type { Entry, Placement, RowStore, StoredSession } from "./row-store.ts";

/** Names of definitions by hash. They never change, so they outlive a step. */
export type DefinitionNames = Map<string, Pick<DefinitionRecord, "name" | "version">>;

/** What all steps of one handle share. */
export interface Shared {
  readonly store: RowStore;
  readonly attached: AttachedSessions;
  readonly names: DefinitionNames;
  /** Whether the run or hub of this name lies where the rows do. Absent where all do. */
  readonly here?: ((name: string) => boolean) | undefined;
}

export class AtomicStep {
  readonly store: RowStore;
  readonly now: number;
  /** Whether the run or hub of this name lies where the rows of the step do. */
  readonly here: (name: string) => boolean;
  readonly attached: AttachedSessions;
  /** Absent where nobody else can lock the rows. */
  readonly blockades: Blockades | undefined;
  readonly #names: DefinitionNames;
  readonly #runs = new Map<string, RunState | undefined>();
  readonly #changed = new Set<string>();
  readonly #seen = new Set<string>();
  readonly #claimable = new Set<string>();
  #dueDocuments = false;

  constructor(shared: Shared, now: number, blockades: Blockades | undefined) {
    this.blockades = blockades;
    this.store = shared.store;
    this.attached = shared.attached;
    this.here = shared.here ?? everywhere;
    this.#names = shared.names;
    this.now = now;
  }

  run(runId: string): RunState | undefined {
    if (!this.#runs.has(runId)) this.#runs.set(runId, this.store.runState(runId));
    return this.#runs.get(runId);
  }

  /** Written by `flush`; until then only this step sees it. */
  putRun(run: RunState): void {
    this.#tellOthers(run);
    this.#runs.set(run.id, run);
    this.#changed.add(run.id);
    this.#seen.add(run.id);
  }

  /** Leaves a message in the rows of this step, to be delivered at once by whoever looks next for what is due. */
  leave(message: Message): void {
    const entry = messageEntry(message, this.now);
    this.store.putEntry(entry);
    this.#claimable.add(entry.key);
  }

  /** This step delivers the message itself: nobody needs to hear of it. */
  took(message: Entry): void {
    this.store.removeEntry(message);
    this.#claimable.delete(message.key);
  }

  /** A document was found to be due. */
  noticedDocument(): void {
    this.#dueDocuments = true;
  }

  /** Whoever has to hear that a run has ended, or goes on, is left a message in the same step. */
  #tellOthers(run: RunState): void {
    const { id: runId, links = 0, parked, generation } = run;
    if (links === 0 && parked === 0) return;
    const before = this.run(run.id);
    const [wasOver, isOver] = [before !== undefined && isTerminalRun(before.status), isTerminalRun(run.status)];
    if (wasOver === isOver) return;
    if (wasOver && parked > 0) this.leave({ kind: "reopened", runId, generation });
    if (isOver && (links & LINK.parent) !== 0) this.leave({ kind: "childEnded", runId, generation });
    if (isOver && (links & LINK.children) !== 0) this.leave({ kind: "endChildren", runId, generation });
  }

  /** The run was inserted or removed: whoever watches it wants to know. */
  touched(runId: string): void {
    this.#runs.delete(runId);
    this.#changed.delete(runId);
    this.#seen.add(runId);
  }

  /** Writes the runs that changed. Needed before the store is asked for runs by what they are. */
  flush(): void {
    for (const runId of this.#changed) {
      const run = this.#runs.get(runId);
      if (run !== undefined) this.store.putRun(run);
    }
    this.#changed.clear();
  }

  insertItem(item: WorkItem, payload: ItemPayload, run: RunState): void {
    this.store.insertItem(item, payload, this.#place(item, run, false), run.definition);
  }

  /** Writes the item where it belongs. */
  putItem(item: WorkItem, run: RunState, leaseOver = false): void {
    this.store.putItem(item, this.#place(item, run, leaseOver));
  }

  /** Puts an unchanged item where it belongs by now; tells where that is. */
  settle(item: WorkItem, run: RunState, leaseOver: boolean): Placement {
    const placement = this.#place(item, run, leaseOver);
    this.store.putPlacement(item.runId, item.item, placement);
    return placement;
  }

  /** Whether the item can be claimed now; if not, it is put where it belongs. */
  isClaimable(item: WorkItem, run: RunState, leaseOver: boolean): boolean {
    const placement = placementOf(item, run, leaseOver, this.now);
    if (placement.kind === "ready") return true;
    this.store.putPlacement(item.runId, item.item, placement);
    return false;
  }

  /** This step claimed the item itself: nobody needs to hear of it. */
  claimed(item: WorkItem): void {
    this.#claimable.delete(keyOf(item));
  }

  /** Items of the run that no claim has met since it was paused or closed are claimable again where they lie. */
  reopened(runId: string): void {
    this.#claimable.add(runId);
  }

  /** Whether an item in progress can be taken from its session without its timeout being due. */
  isLeaseOver(item: WorkItem): boolean {
    const session = item.session === undefined ? undefined : this.store.session(item.session);
    return isOver(session);
  }

  /** Whether the session's leases hold at this instant. */
  isAlive(id: string): boolean {
    const session = this.store.session(id);
    return (
      session !== undefined && session.stoppedAt === undefined && (session.until > this.now || this.attached.has(id))
    );
  }

  /** Name and version that a run's definition was published under. */
  definitionName(hash: string): Pick<DefinitionRecord, "name" | "version"> {
    const known = this.#names.get(hash) ?? this.store.definition(hash);
    if (known === undefined) throw new MillraceError("BACKEND_CORRUPT", `the definition ${hash} of a run is missing`);
    this.#names.set(hash, { name: known.name, version: known.version });
    return known;
  }

  wakeups(): readonly Wakeup[] {
    const hints = [...this.#seen].map((runId): Wakeup => ({ kind: "run", runId }));
    if (this.#dueDocuments) hints.unshift({ kind: "documents" });
    return this.#claimable.size > 0 ? [{ kind: "work" }, ...hints] : hints;
  }

  /** Also an item that will be ready later is news: who sleeps until the next due time has to know of an earlier one. */
  #place(item: WorkItem, run: RunState, leaseOver: boolean): Placement {
    const placement = placementOf(item, run, leaseOver, this.now);
    const isLater = placement.kind === "due" && (isQueued(item) || item.status === "waiting");
    if (placement.kind === "ready" || isLater) this.#claimable.add(keyOf(item));
    return placement;
  }
}

function everywhere(): boolean {
  return true;
}

/** A session that signed off, vanished and was swept, or is forgotten. */
function isOver(session: StoredSession | undefined): boolean {
  return session === undefined || session.stoppedAt !== undefined || session.swept;
}

function keyOf(item: WorkItem): string {
  return `${item.runId}.${item.item}`;
}
