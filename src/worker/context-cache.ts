/**
 * Folded contexts of the runs that a worker had to do with lately. Own changes are added as they are committed, those of
 * others are fetched as a tail; what the store already folded (a snapshot) saves the rest. Bounded in entries and bytes;
 * what is dropped is only fetched again. Invariant: an entry is the fold of the deltas 1 to its sequence.
 */

import type { ContextTail } from "../backend/contract/records.ts";
import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import type { Stamp } from "../definition/context/behaviour.ts";
import { applyDelta, type Delta, decodeDelta, type FoldedContext, foldDeltas } from "../definition/context/delta.ts";
import type { ContextShape } from "../definition/context/shape.ts";
import { decodeSnapshot, encodeSnapshot } from "../definition/context/snapshot.ts";
import { bytesOf, initialState } from "../definition/context/state.ts";

/** What the cache asks of the store. Failures that pass are the store's own matter. */
export interface ContextSource {
  tail(runId: string, range: { readonly after: number; readonly shape?: string }): Promise<ContextTail | undefined>;
  /** Keeps a snapshot; nobody waits for it. */
  keep(snapshot: {
    readonly runId: string;
    readonly sequence: number;
    readonly shape: string;
    readonly bytes: Uint8Array;
  }): void;
}

/** A change that was committed. */
export interface CommittedChange {
  readonly sequence: number;
  readonly delta: Delta;
  readonly bytes: number;
  readonly stamp: Stamp;
}

interface Entry extends FoldedContext {
  readonly shape: ContextShape;
  /** Estimate of its memory. */
  readonly bytes: number;
  /** Size of the deltas since the last snapshot, and of that snapshot. */
  readonly tailBytes: number;
  readonly snapshotBytes: number;
}

/** Below this a tail is quicker to fold than a snapshot to read. */
const LEAST_SNAPSHOT_BYTES = 65_536;

interface CacheLimits {
  readonly entries: number;
  readonly bytes: number;
}

const DEFAULT_LIMITS: CacheLimits = { entries: LIMITS.cachedContexts, bytes: LIMITS.cachedContextBytes };

export class ContextCache {
  readonly #source: ContextSource;
  readonly #limits: CacheLimits;
  /** The run used longest ago comes first. */
  readonly #entries = new Map<string, Entry>();
  readonly #loading = new Map<string, Promise<FoldedContext>>();
  #bytes = 0;

  constructor(source: ContextSource, limits: CacheLimits = DEFAULT_LIMITS) {
    this.#source = source;
    this.#limits = limits;
  }

  /** What is known of a run's context, however old. */
  known(runId: string): FoldedContext | undefined {
    return this.#entries.get(runId);
  }

  /**
   * The context of a run, no older than `sequence`; at once if it is known. Rejects with what the store throws,
   * `BACKEND_CORRUPT` for deltas that cannot be folded, `RUN_CLOSED` for a run that is gone.
   */
  load(runId: string, shape: ContextShape, sequence: number): FoldedContext | Promise<FoldedContext> {
    const entry = this.#entries.get(runId);
    if (entry !== undefined && entry.sequence >= sequence && entry.shape.hash === shape.hash) {
      return this.#isCrowded ? this.#put(runId, entry) : entry;
    }
    if (sequence === 0) return this.#put(runId, freshEntry(shape));
    return this.#loadNewer(runId, shape, sequence);
  }

  /** Adds a change of this worker's own if nothing is missing before it. */
  add(runId: string, shape: ContextShape, change: CommittedChange): void {
    const entry = this.#entries.get(runId) ?? (change.sequence === 1 ? freshEntry(shape) : undefined);
    if (entry === undefined || entry.sequence !== change.sequence - 1) return;
    try {
      const state = applyDelta(shape, entry.state, change.delta, change.stamp);
      const tailBytes = entry.tailBytes + change.bytes;
      this.#keepSnapshot(
        runId,
        this.#put(runId, { ...entry, state, sequence: change.sequence, bytes: bytesOf(state), tailBytes }),
      );
    } catch {
      // A merge of the user's failed. Whoever needs the context fetches it, and is told.
      this.forget(runId);
    }
  }

  forget(runId: string): void {
    this.#bytes -= this.#entries.get(runId)?.bytes ?? 0;
    this.#entries.delete(runId);
  }

  /** One fetch at a time for each run; whoever needs it newer still asks again. */
  async #loadNewer(runId: string, shape: ContextShape, sequence: number): Promise<FoldedContext> {
    const underway = this.#loading.get(runId);
    if (underway !== undefined) {
      await underway.catch(() => undefined);
      return await this.load(runId, shape, sequence);
    }
    const loading = this.#fetch(runId, shape, sequence);
    this.#loading.set(runId, loading);
    try {
      return await loading;
    } finally {
      this.#loading.delete(runId);
    }
  }

  async #fetch(runId: string, shape: ContextShape, sequence: number): Promise<FoldedContext> {
    const known = this.#entries.get(runId);
    const isUsable = known?.shape.hash === shape.hash;
    let entry: Entry = isUsable ? known : freshEntry(shape);
    let wantsSnapshot = !isUsable;
    while (entry.sequence < sequence) {
      const range = { after: entry.sequence, ...(wantsSnapshot ? { shape: shape.hash } : {}) };
      const tail = await this.#source.tail(runId, range);
      if (tail === undefined) throw new MillraceError("RUN_CLOSED", `run ${runId} does not exist any more`, { runId });
      const next = withTail(shape, entry, tail);
      if (next === undefined) {
        wantsSnapshot = false;
        continue;
      }
      if (next.sequence <= entry.sequence) {
        throw new MillraceError(
          "BACKEND_CORRUPT",
          `the context of run ${runId} ends at ${next.sequence}, before ${sequence}`,
        );
      }
      entry = next;
    }
    const newer = this.#entries.get(runId);
    if (newer !== undefined && newer.shape.hash === shape.hash && newer.sequence > entry.sequence) return newer;
    return this.#keepSnapshot(runId, this.#put(runId, entry));
  }

  /** Only then does it matter which entry was used longest ago. */
  get #isCrowded(): boolean {
    return this.#entries.size * 2 > this.#limits.entries || this.#bytes * 2 > this.#limits.bytes;
  }

  #put(runId: string, entry: Entry): Entry {
    if (this.#isCrowded) this.forget(runId);
    else this.#bytes -= this.#entries.get(runId)?.bytes ?? 0;
    this.#entries.set(runId, entry);
    this.#bytes += entry.bytes;
    if (!this.#isCrowded) return entry;
    for (const oldest of this.#entries.keys()) {
      const fits = this.#entries.size <= this.#limits.entries && this.#bytes <= this.#limits.bytes;
      if (fits || oldest === runId) break;
      this.forget(oldest);
    }
    return entry;
  }

  /** Its cost is made up for by the deltas that it saves: each one is written into at most a few snapshots. */
  #keepSnapshot(runId: string, entry: Entry): Entry {
    const { state, sequence, shape, tailBytes, snapshotBytes } = entry;
    if (tailBytes <= Math.max(snapshotBytes, LEAST_SNAPSHOT_BYTES)) return entry;
    const bytes = encodeSnapshot(shape, state);
    this.#source.keep({ runId, sequence, shape: shape.hash, bytes });
    return this.#put(runId, { ...entry, tailBytes: 0, snapshotBytes: bytes.length });
  }
}

function freshEntry(shape: ContextShape): Entry {
  const state = initialState(shape);
  return { state, sequence: 0, shape, bytes: bytesOf(state), tailBytes: 0, snapshotBytes: 0 };
}

/** `undefined` for a snapshot that another version of this package made: the deltas have to do. */
function withTail(shape: ContextShape, before: Entry, { snapshot, deltas }: ContextTail): Entry | undefined {
  let from = before;
  if (snapshot !== undefined) {
    const state = decodeSnapshot(shape, snapshot.bytes);
    if (state === undefined) return undefined;
    from = { ...before, state, sequence: snapshot.sequence, tailBytes: 0, snapshotBytes: snapshot.bytes.length };
  }
  let { tailBytes } = from;
  const decoded = deltas.map(({ delta, ...place }) => {
    tailBytes += delta.length;
    return { ...place, delta: decodeDelta(delta) };
  });
  const folded = foldDeltas(shape, from, decoded);
  return { ...from, ...folded, bytes: bytesOf(folded.state), tailBytes };
}
