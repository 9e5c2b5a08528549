/**
 * Removes what finished long ago: runs, and workers that are gone. Every worker does it beside its work, now and then and
 * a bounded chunk at a time; several at once do no harm, since removing is idempotent. A store that is out of reach is
 * left alone until the next look.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { Clock, Logger, Random, Timer } from "../core/ports.ts";

export interface RetentionPorts {
  readonly operations: Pick<BackendOperations, "now" | "purge">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly retentionMs: number;
}

/** Between two looks, give or take a half, so that workers spread. */
const LOOK_MS = 3_600_000;
/** Runs removed in one step of the store: few enough that commits hardly wait for it. */
export const CHUNK_RUNS = 100;
/** Between two chunks, so that commits come in between. */
const CHUNK_MS = 1_000;

/** Begins; the first look is within the hour. Gives back what ends it. */
export function keepRetention(ports: RetentionPorts): () => void {
  const { clock, random } = ports;
  let timer: Timer | undefined;
  let isOver = false;
  const schedule = (ms: number): void => {
    if (!isOver) timer = clock.setTimer(ms, () => void look()).unref();
  };
  const look = async (): Promise<void> => {
    const hasMore = await removeChunk(ports);
    schedule(hasMore ? CHUNK_MS : LOOK_MS * (0.5 + random.next()));
  };
  schedule(LOOK_MS * random.next());
  return () => {
    isOver = true;
    timer?.cancel();
  };
}

async function removeChunk({ operations, logger, retentionMs }: RetentionPorts): Promise<boolean> {
  try {
    const before = (await operations.now()) - retentionMs;
    const removed = await operations.purge({ before, limit: CHUNK_RUNS });
    if (removed > 0) logger.info("removed runs that finished long ago", { removed });
    return removed === CHUNK_RUNS;
  } catch (error) {
    logger.debug("could not remove old runs", { error: String(error) });
    return false;
  }
}
