/**
 * Schema changes as files: found, ordered and checked here, applied by each backend in its own transaction. Migrations
 * only go forward; a released file never changes. One whose header says `Readable by: N` leaves code running that knows the
 * schema up to version N; a store keeps the highest such number of all that were applied to it, so that older code can tell
 * whether it may go on. Invariant: versions are dense from 1, so a store's version is the number of files that were applied to it.
 */

import { readdirSync, readFileSync } from "node:fs";
import { MillraceError } from "../../core/errors.ts";

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  /** The oldest version whose code can use a store that this was applied to: its own, unless its header says otherwise. */
  readonly readableBy: number;
}

/** How new a store's schema is, and the oldest version whose code can use it. */
export interface SchemaState {
  readonly version: number;
  readonly readableBy: number;
}

const READABLE = /^-- Readable by: (\d+)$/m;
const FILE = /^(\d{4})-([a-z0-9-]+)\.sql$/;

/** The migrations in a folder, by version. Throws `INTERNAL` when the package was built without them. */
export function loadMigrations(folder: URL): readonly Migration[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".sql"));
  const migrations = files.map((file) => readMigration(folder, file)).sort((a, b) => a.version - b.version);
  for (const [at, migration] of migrations.entries()) {
    if (migration.version !== at + 1)
      throw new MillraceError("INTERNAL", `migration ${at + 1} is missing from ${folder.pathname}`);
  }
  if (migrations.length === 0) throw new MillraceError("INTERNAL", `there are no migrations in ${folder.pathname}`);
  return migrations;
}

/**
 * What is left to apply to a store at `version`, in order; nothing for one of a later release that says that code of this
 * version can use it. Throws `BACKEND_TOO_NEW` for any other store of a later release.
 */
export function pendingMigrations(
  migrations: readonly Migration[],
  version: number,
  location: string,
  readableBy: number = version,
): readonly Migration[] {
  const known = migrations.length;
  if (version > known && readableBy > known) {
    throw new MillraceError(
      "BACKEND_TOO_NEW",
      `${location} has schema version ${version}, for code that knows version ${readableBy}; this release of millrace knows versions up to ${known}`,
      {
        hints: [
          "Upgrade the millrace package of this program to at least the release that wrote the store.",
          "Or use another store: a newer schema is never changed back.",
        ],
      },
    );
  }
  return migrations.slice(version);
}

/** What a store is once the migration was applied to it. Whatever one migration asks of code stays asked. */
export function schemaAfter(before: SchemaState, { version, readableBy }: Migration): SchemaState {
  return { version, readableBy: Math.max(before.readableBy, readableBy) };
}

function readMigration(folder: URL, file: string): Migration {
  const match = FILE.exec(file);
  if (match === null) throw new MillraceError("INTERNAL", `"${file}" is not the name of a migration`);
  const version = Number(match[1]);
  const sql = readFileSync(new URL(file, folder), "utf8");
  const readableBy = Number(READABLE.exec(sql)?.[1] ?? version);
  if (readableBy < 1 || readableBy > version) {
    throw new MillraceError("INTERNAL", `migration ${version} says that it is readable by ${readableBy}`);
  }
  return { version, name: match[2] ?? "", sql, readableBy };
}
