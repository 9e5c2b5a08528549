/**
 * Looking at a store's file without opening it as a store: which schema it has, whether it is whole, and where it lies. It
 * brings nothing up to date and repairs nothing. For people who ask what is wrong; the engine does not come here.
 */

import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import { systemClock, systemRandom } from "../../core/ports.ts";
import { openNodeSqlite } from "./connection.ts";
import { Database } from "./database.ts";
import { networkType } from "./file-place.ts";
import { waitForLock } from "./lock-waiting.ts";
import { readSchema } from "./schema.ts";

/** What a store's file is like. */
export interface SqliteInspection {
  /** Without the log beside it. */
  readonly bytes: number;
  /** Schema of the file, and the one that this release brings it to; equal when it is up to date. */
  readonly schemaVersion: number;
  readonly newestSchema: number;
  /** The network file system that it is on, where SQLite's locks cannot be relied on. */
  readonly network: string | undefined;
  /** Whether the whole file was read for `problems`. */
  readonly checked: boolean;
  /** What is damaged; none in a file that is whole. */
  readonly problems: readonly string[];
}

const PROBLEMS = 20;
const LOCK_WAIT_MS = 5_000;

/**
 * Looks at the file of a store; reads all of it if it is no larger than `checkUpToBytes`. Throws `STORE_NOT_FOUND`,
 * `INVALID_CONFIG` for a database of another application, `BACKEND_TOO_NEW`, `BACKEND_CORRUPT`, `BACKEND_UNAVAILABLE`.
 */
export async function inspectSqlite(
  path: string,
  { checkUpToBytes = Number.POSITIVE_INFINITY }: { readonly checkUpToBytes?: number | undefined } = {},
): Promise<SqliteInspection> {
  const file = resolve(path);
  const bytes = statSync(file, { throwIfNoEntry: false })?.size;
  if (bytes === undefined) throw new MillraceError("STORE_NOT_FOUND", `there is no file ${file}`);
  const waiting = { clock: systemClock, random: systemRandom, totalMs: LOCK_WAIT_MS };
  const db = openFile(file);
  try {
    const { version, newest } = await waitForLock(() => readSchema(db), waiting);
    const checked = bytes <= checkUpToBytes;
    const rows = checked ? await waitForLock(() => db.query(`PRAGMA quick_check(${PROBLEMS})`, []), waiting) : [];
    const problems = rows.map((row) => String(row[0])).filter((line) => line !== "ok");
    const network = networkType(dirname(file));
    return { bytes, schemaVersion: version, newestSchema: newest, network, checked, problems };
  } catch (error) {
    throw db.explain(error);
  } finally {
    db.close();
  }
}

function openFile(file: string): Database {
  try {
    return new Database(openNodeSqlite(file), file);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new MillraceError("BACKEND_UNAVAILABLE", `${file} cannot be opened: ${text}`, { cause });
  }
}
