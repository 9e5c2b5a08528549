/**
 * Looks at a store's file without opening it as a store: which schema it has, on what file system it lies, and whether
 * it is whole. It changes nothing, also not a file of an older schema, and makes no file.
 */

import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { MillraceError } from "../../core/errors.ts";
import { openNodeSqlite } from "./connection.ts";
import { Database } from "./database.ts";
import { networkType } from "./file-place.ts";
import { checkOwner, schemaOf } from "./schema.ts";
import { troubleOf } from "./store-errors.ts";

/** What there is to say of a file. */
export interface SqliteInspection {
  /** Size of the file, without its log. */
  readonly bytes: number;
  /** 0 for a file that no store has been made in yet. */
  readonly schemaVersion: number;
  /** The version that this release knows. */
  readonly newestSchema: number;
  /** The network file system that the file lies on, if it does. */
  readonly network: string | undefined;
  /** Whether the content was looked at. */
  readonly checked: boolean;
  /** What SQLite finds wrong with the content, at most a hundred things; empty if it is whole or was not looked at. */
  readonly problems: readonly string[];
}

/**
 * Inspects the file of a store; its content only up to a size, since all of it is read. Throws `BACKEND_UNAVAILABLE` when
 * there is no file or it cannot be read, and `BACKEND_CORRUPT`, `BACKEND_TOO_NEW` or `INVALID_CONFIG` as opening it does.
 */
export async function inspectSqlite(
  path: string,
  options: { readonly checkUpToBytes?: number | undefined } = {},
): Promise<SqliteInspection> {
  const file = resolve(path);
  const bytes = statSync(file, { throwIfNoEntry: false })?.size;
  if (bytes === undefined) throw new MillraceError("BACKEND_UNAVAILABLE", `there is no file ${file}`);
  const db = openReadOnly(file);
  try {
    checkOwner(db);
    const { version, newest } = schemaOf(db);
    const checked = bytes <= (options.checkUpToBytes ?? Number.POSITIVE_INFINITY);
    const problems = checked ? problemsOf(db) : [];
    return {
      bytes,
      schemaVersion: version,
      newestSchema: newest,
      network: networkType(dirname(file)),
      checked,
      problems,
    };
  } catch (error) {
    throw db.explain(error);
  } finally {
    db.close();
  }
}

function openReadOnly(file: string): Database {
  try {
    return new Database(openNodeSqlite(file, { readOnly: true }), file);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new MillraceError("BACKEND_UNAVAILABLE", `${file} cannot be opened: ${text}`, { cause });
  }
}

/** Damage can be such that even looking for it fails. */
function problemsOf(db: Database): readonly string[] {
  try {
    const found = db.query("PRAGMA integrity_check(100)", []).map((row) => String(row[0]));
    return found.length === 1 && found[0] === "ok" ? [] : found;
  } catch (error) {
    if (troubleOf(error) !== "corrupt") throw error;
    return [error instanceof Error ? error.message : String(error)];
  }
}
