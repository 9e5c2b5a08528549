/**
 * Moves what lies in the write-ahead log into the database file when nothing is being written, so that the log stays short and
 * reads stay fast. Past a size SQLite does it by itself, after a commit. Failing is no harm: the log is complete either way.
 */

import type { Clock, Timer } from "../../core/ports.ts";
import type { Database } from "./database.ts";

/** Nothing was written for so long. */
const IDLE_MS = 500;

export interface IdleCheckpoints {
  /** Something was written. */
  written(): void;
  stop(): void;
}

export function idleCheckpoints(db: Database, clock: Pick<Clock, "setTimer">): IdleCheckpoints {
  let timer: Timer | undefined;
  let writes = 0;

  function arm(): void {
    const before = writes;
    timer = clock.setTimer(IDLE_MS, () => {
      timer = undefined;
      if (writes !== before) arm();
      else checkpoint(db);
    });
    timer.unref();
  }

  return {
    written() {
      writes += 1;
      if (timer === undefined) arm();
    },
    stop() {
      timer?.cancel();
      timer = undefined;
    },
  };
}

/** Pages that the log may have from then on, where a disk has been full: it is small, or others want it too. */
const CROWDED_PAGES = 100;

/**
 * Moves the whole log into the file and gives its room back; false while somebody else is in the way, throws when the
 * file cannot grow. On a disk that was full this comes before anything else: a log that has taken the last of the disk
 * would take what is freed too, and could never be moved again.
 */
export function emptyLog(db: Database): boolean {
  if (db.inTransaction) return false;
  db.exec(`PRAGMA wal_autocheckpoint = ${CROWDED_PAGES}`);
  return db.pragma("wal_checkpoint(TRUNCATE)") === 0;
}

function checkpoint(db: Database): void {
  if (!db.isOpen || db.inTransaction) return;
  try {
    db.pragma("wal_checkpoint(PASSIVE)");
  } catch {
    // Busy, full or failing: the next commit that matters will say so.
  }
}
