/**
 * The tables of a store: whose they are, how new they are, and bringing them up to date. Safe with any number of programs
 * that start at once: each takes one lock for that, and looks again once it has it. Refuses a schema of another application
 * and one of a newer release, and changes nothing of those.
 */

import { MillraceError } from "../../core/errors.ts";
import {
  loadMigrations,
  type Migration,
  pendingMigrations,
  type SchemaState,
  schemaAfter,
} from "../sql/migration-files.ts";
import type { Session, SqlRow, Statement } from "./driver.ts";
import { numberAt } from "./row-values.ts";
import { COMMIT, ROLLBACK, type Statements } from "./statements.ts";

const MIGRATIONS = new URL("./migrations/", import.meta.url);

/** Of the lock that whoever changes the tables of a schema holds; the second half is the schema's. */
const LOCK = 0x4d4c5243;

/** The oldest version whose code can use the tables, as a part of other statements: a newer release may change them under us. */
export const READABLE_BY = "(SELECT readable_by FROM millrace.schema_version)";

/** Throws `BACKEND_TOO_NEW` once the tables are for code of a later release alone. */
export function checkReadable(readableBy: number, location: string): void {
  if (readableBy > migrations().length) pendingMigrations(migrations(), readableBy, location);
}

/**
 * Brings the schema up to date and gives the number of the namespace, made if it is new. Throws `BACKEND_TOO_NEW`, or
 * `INVALID_CONFIG` for a schema of another application or one that this user may not make.
 */
export async function openSchema(
  session: Session,
  statements: Statements,
  namespace: string,
  location: string,
): Promise<number> {
  await bringUpToDate(session, statements, location);
  return await namespaceNumber(session, statements, namespace);
}

/** How new the tables are; version 0 where there are none. */
async function stateOf(session: Session, { schema }: Statements, location: string): Promise<SchemaState> {
  const found = await one(session, {
    text: "SELECT to_regclass($1) IS NOT NULL, EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace($2))",
    values: [`"${schema}".schema_version`, `"${schema}"`],
  });
  const [isOurs, isTaken] = found;
  if (isOurs === true) {
    const text = `SELECT version, readable_by FROM "${schema}".schema_version`;
    const row = await one(session, { text, values: [] });
    return { version: numberAt(row, 0), readableBy: numberAt(row, 1) };
  }
  if (isTaken !== true) return { version: 0, readableBy: 0 };
  throw new MillraceError("INVALID_CONFIG", `${location}: the schema "${schema}" belongs to another application`, {
    hints: ["Name a schema that does not exist yet, or one that millrace has made."],
  });
}

function pending({ version, readableBy }: SchemaState, location: string): readonly Migration[] {
  return pendingMigrations(migrations(), version, location, readableBy);
}

async function bringUpToDate(session: Session, statements: Statements, location: string): Promise<void> {
  if (pending(await stateOf(session, statements, location), location).length === 0) return;
  const { schema } = statements;
  await session.run([{ text: "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE" }]);
  try {
    await one(session, { text: "SELECT pg_advisory_xact_lock($1, hashtext($2))", values: [LOCK, schema] });
    // Somebody else may have been first.
    let state = await stateOf(session, statements, location);
    const missing = pending(state, location);
    if (state.version === 0) await makeSchema(session, schema);
    for (const migration of missing) {
      state = schemaAfter(state, migration);
      await apply(session, statements, migration, state);
    }
    await session.run([COMMIT]);
  } catch (error) {
    await session.run([ROLLBACK]).catch(() => undefined);
    throw error;
  }
}

async function makeSchema(session: Session, schema: string): Promise<void> {
  // Who may use a schema may not always make one, not even one that is there.
  const there = await one(session, {
    text: "SELECT to_regnamespace($1) IS NOT NULL",
    values: [`"${schema}"`],
  });
  if (there[0] !== true) await session.run([{ text: `CREATE SCHEMA "${schema}"` }]);
  const columns = "version integer NOT NULL, readable_by integer NOT NULL, is_only boolean PRIMARY KEY CHECK (is_only)";
  const text = `CREATE TABLE "${schema}".schema_version (${columns}); INSERT INTO "${schema}".schema_version VALUES (0, 0, true)`;
  await session.run([{ text }]);
}

async function apply(
  session: Session,
  statements: Statements,
  { sql }: Migration,
  { version, readableBy }: SchemaState,
): Promise<void> {
  const note = `UPDATE "${statements.schema}".schema_version SET version = ${version}, readable_by = ${readableBy}`;
  await session.run([statements.once(sql), { text: note }]);
}

async function namespaceNumber(session: Session, statements: Statements, name: string): Promise<number> {
  const find = statements.once("SELECT id FROM millrace.namespace WHERE name = $1", [name]);
  const known = await session.run([find]);
  const row = known[0]?.rows[0];
  if (row !== undefined) return numberAt(row, 0);
  const insert = statements.once("INSERT INTO millrace.namespace (name) VALUES ($1) ON CONFLICT DO NOTHING", [name]);
  await session.run([insert]);
  return numberAt(await one(session, find), 0);
}

async function one(session: Session, statement: Statement): Promise<SqlRow> {
  const [result] = await session.run([statement]);
  return result?.rows[0] ?? [];
}

let loaded: readonly Migration[] | undefined;

function migrations(): readonly Migration[] {
  loaded ??= loadMigrations(MIGRATIONS);
  return loaded;
}
