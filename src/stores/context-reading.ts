/**
 * Reading a run's context as of now or of an earlier sequence: the newest snapshot of the shape, then the deltas after
 * it, folded here and never in a store. It keeps nothing between calls; workers have a cache of their own.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { ContextTail } from "../backend/contract/records.ts";
import { MillraceError } from "../core/errors.ts";
import { decodeDelta, type FoldedContext, foldDeltas } from "../definition/context/delta.ts";
import type { ContextShape } from "../definition/context/shape.ts";
import { decodeSnapshot } from "../definition/context/snapshot.ts";
import { initialState } from "../definition/context/state.ts";

/**
 * The folded context, up to `at` or to the end; `undefined` for an unknown run. Throws `INVALID_VALUE` for a sequence
 * that the run has not reached.
 */
export async function readContext(
  operations: BackendOperations,
  runId: string,
  shape: ContextShape,
  at?: number,
): Promise<FoldedContext | undefined> {
  if (at !== undefined && !(Number.isSafeInteger(at) && at >= 0)) {
    throw new MillraceError("INVALID_VALUE", `a sequence is a whole number from 0, not ${String(at)}`, { runId });
  }
  let folded: FoldedContext = { state: initialState(shape), sequence: 0 };
  let target: number | undefined;
  let wanted: string | undefined = shape.hash;
  do {
    const range = { after: folded.sequence, upTo: target ?? at, shape: wanted };
    const tail = await operations.read.contextTail(runId, range);
    if (tail === undefined) return undefined;
    target ??= checkReached(tail.sequence, at, runId);
    const before = folded.sequence;
    folded = foldTail(shape, folded, tail);
    const askedForSnapshot = wanted !== undefined;
    wanted = undefined;
    if (folded.sequence === before && before < target && !askedForSnapshot) {
      throw new MillraceError("BACKEND_CORRUPT", `delta ${before + 1} of run ${runId} is missing`, { runId });
    }
  } while (folded.sequence < target);
  return folded;
}

function checkReached(sequence: number, at: number | undefined, runId: string): number {
  if (at === undefined || sequence >= at) return at ?? sequence;
  throw new MillraceError(
    "INVALID_VALUE",
    `the context of run ${runId} has no sequence ${at}; its last is ${sequence}`,
    {
      runId,
    },
  );
}

function foldTail(shape: ContextShape, folded: FoldedContext, tail: ContextTail): FoldedContext {
  const { snapshot } = tail;
  const state = snapshot && snapshot.sequence > folded.sequence ? decodeSnapshot(shape, snapshot.bytes) : undefined;
  const from = state === undefined || snapshot === undefined ? folded : { state, sequence: snapshot.sequence };
  const deltas = tail.deltas.map(({ sequence, item, epoch, at, delta }) => ({
    ...{ sequence, item, epoch, at },
    delta: decodeDelta(delta),
  }));
  // A snapshot that can't be used here (another format) leaves a gap before the deltas: the next request, without the
  // snapshot, fills it.
  const first = deltas[0]?.sequence;
  return first !== undefined && first > from.sequence + 1 ? from : foldDeltas(shape, from, deltas);
}
