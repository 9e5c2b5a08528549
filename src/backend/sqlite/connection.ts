/**
 * The two SQLite drivers behind one interface: `node:sqlite`, loaded only here and only when needed, and handles
 * that the caller opened, of `better-sqlite3` or of `node:sqlite`. It decides nothing about tables.
 */

import { MillraceError } from "../../core/errors.ts";
import type {
  BetterSqliteDatabase,
  Driver,
  NodeSqliteDatabase,
  SqliteHandle,
  SqlRow,
  SqlValue,
  Statement,
} from "./driver.ts";

/** Opens a file, or a database in memory for `:memory:`. Creates the file if it is absent. Throws what the driver throws. */
export function openNodeSqlite(path: string, { readOnly = false }: { readonly readOnly?: boolean } = {}): Driver {
  const { DatabaseSync } = loadNodeSqlite();
  const database = new DatabaseSync(path, {
    readOnly,
    timeout: 0,
    enableForeignKeyConstraints: false,
    allowExtension: false,
  });
  return nodeDriver(database, () => database.close());
}

/** A caller's handle as a driver, and the file it is on (`undefined` in memory). */
export interface Adopted {
  readonly driver: Driver;
  readonly path: string | undefined;
}

/** Takes a handle that the caller opened and goes on owning: `close` leaves it open. Throws `INVALID_CONFIG` if it cannot be used. */
export function adoptHandle(handle: SqliteHandle): Adopted {
  if (isBetterSqlite(handle)) {
    if (!handle.open) throw new MillraceError("INVALID_CONFIG", "the better-sqlite3 handle is closed already");
    if (handle.readonly) throw new MillraceError("INVALID_CONFIG", "the better-sqlite3 handle is read-only");
    return { driver: betterDriver(handle), path: handle.memory || handle.name === "" ? undefined : handle.name };
  }
  if (isNodeSqlite(handle)) {
    if (!handle.isOpen) throw new MillraceError("INVALID_CONFIG", "the node:sqlite handle is closed");
    return { driver: nodeDriver(handle, () => undefined), path: handle.location() ?? undefined };
  }
  throw new MillraceError(
    "INVALID_CONFIG",
    "database must be an open handle of better-sqlite3 13 or later, or of node:sqlite",
    {
      hints: ['Pass `new Database("path")` of better-sqlite3, or a path and no handle.'],
    },
  );
}

function nodeDriver(database: NodeSqliteDatabase, close: () => void): Driver {
  return {
    prepare: (sql) => nodeStatement(database, sql),
    exec: (sql) => database.exec(sql),
    get inTransaction() {
      return database.isTransaction;
    },
    get open() {
      return database.isOpen;
    },
    close,
  };
}

function nodeStatement(database: NodeSqliteDatabase, sql: string): Statement {
  const statement = database.prepare(sql);
  statement.setReturnArrays(true);
  return {
    get: (...values) => asRow(statement.get(...values)),
    all: (...values) => asRows(statement.all(...values)),
    run: (...values) => {
      statement.run(...values);
    },
    insert: (...values) => insertedRow(statement.run(...values)),
  };
}

function betterDriver(database: BetterSqliteDatabase): Driver {
  return {
    prepare: (sql) => betterStatement(database, sql),
    exec: (sql) => {
      database.exec(sql);
    },
    get inTransaction() {
      return database.inTransaction;
    },
    get open() {
      return database.open;
    },
    close: () => undefined,
  };
}

function betterStatement(database: BetterSqliteDatabase, sql: string): Statement {
  const statement = database.prepare(sql);
  if (statement.reader) statement.raw(true);
  return {
    get: (...values) => {
      const row: unknown = statement.get(...values);
      return row === undefined ? undefined : plainRow(row);
    },
    all: (...values) => statement.all(...values).map(plainRow),
    run: (...values) => {
      statement.run(...values);
    },
    insert: (...values) => insertedRow(statement.run(...values)),
  };
}

/** Both drivers tell it alike. */
function insertedRow(outcome: unknown): number {
  const row: unknown =
    typeof outcome === "object" && outcome !== null ? Reflect.get(outcome, "lastInsertRowid") : undefined;
  return Number(row);
}

/** Its blobs are `Buffer`s, which compare unlike other byte arrays. */
function plainRow(row: unknown): SqlRow {
  const values = asRow(row) ?? [];
  return values.some(isBytes) ? values.map(plainValue) : values;
}

function plainValue(value: SqlValue): SqlValue {
  return isBytes(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : value;
}

function isBytes(value: SqlValue): value is Uint8Array {
  return typeof value === "object" && value !== null;
}

/** Both drivers give arrays by their settings above, which their types do not know. */
function asRow(row: unknown): SqlRow | undefined {
  return Array.isArray(row) ? row : undefined;
}

function asRows(rows: unknown): SqlRow[] {
  return Array.isArray(rows) ? rows : [];
}

function isBetterSqlite(handle: SqliteHandle): handle is BetterSqliteDatabase {
  return hasMembers(handle, ["prepare", "exec"], ["open", "memory", "readonly", "inTransaction"]);
}

function isNodeSqlite(handle: SqliteHandle): handle is NodeSqliteDatabase {
  return hasMembers(handle, ["prepare", "exec", "location"], ["isOpen", "isTransaction"]);
}

function hasMembers(handle: unknown, methods: readonly string[], flags: readonly string[]): boolean {
  if (typeof handle !== "object" || handle === null) return false;
  const has = (name: string, type: string): boolean => typeof Reflect.get(handle, name) === type;
  // A closed handle of node:sqlite throws on some of its getters.
  try {
    return methods.every((name) => has(name, "function")) && flags.every((name) => has(name, "boolean"));
  } catch {
    return false;
  }
}

let nodeSqlite: typeof import("node:sqlite") | undefined;

/** Node 22 warns that its SQLite is experimental: true, but nobody's business here. Only that warning is dropped. */
function loadNodeSqlite(): typeof import("node:sqlite") {
  if (nodeSqlite !== undefined) return nodeSqlite;
  const emitWarning = process.emitWarning;
  const filtered: typeof process.emitWarning = (...values: unknown[]) => {
    if (String(values[0]).startsWith("SQLite is an experimental feature")) return;
    Reflect.apply(emitWarning, process, values);
  };
  process.emitWarning = filtered;
  try {
    nodeSqlite = process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
  if (nodeSqlite === undefined) {
    throw new MillraceError(
      "UNSUPPORTED_NODE",
      "this Node.js has no node:sqlite; millrace needs Node.js 22.18 or newer",
    );
  }
  return nodeSqlite;
}
