/**
 * Schema changes as files: found, ordered and checked here, applied by each backend in its own transaction. Migrations
 * only go forward; a released file never changes. Invariant: versions are dense from 1, so a store's version is the number of files that were applied to it.
 */

import { readdirSync, readFileSync } from "node:fs";
import { MillraceError } from "../../core/errors.ts";

export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

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

/** What is left to apply to a store at `version`, in order. Throws `BACKEND_TOO_NEW` for a store of a later release. */
export function pendingMigrations(
  migrations: readonly Migration[],
  version: number,
  location: string,
): readonly Migration[] {
  const known = migrations.length;
  if (version > known) {
    throw new MillraceError(
      "BACKEND_TOO_NEW",
      `${location} has schema version ${version}; this release of millrace knows versions up to ${known}`,
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

function readMigration(folder: URL, file: string): Migration {
  const match = FILE.exec(file);
  if (match === null) throw new MillraceError("INTERNAL", `"${file}" is not the name of a migration`);
  return { version: Number(match[1]), name: match[2] ?? "", sql: readFileSync(new URL(file, folder), "utf8") };
}
