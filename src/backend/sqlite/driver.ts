/**
 * What this backend needs of a SQLite driver: rows as arrays, blobs as `Uint8Array`, and whether a transaction is open.
 * Everything is synchronous. A driver throws its own errors; `store-errors.ts` tells what they mean.
 */

export type SqlValue = string | number | Uint8Array | null;
export type SqlRow = readonly SqlValue[];

export interface Statement {
  /** The first row. */
  get(...values: SqlValue[]): SqlRow | undefined;
  all(...values: SqlValue[]): SqlRow[];
  run(...values: SqlValue[]): void;
  /** Runs an `INSERT` and gives the number of the row it made. */
  insert(...values: SqlValue[]): number;
}

export interface Driver {
  prepare(sql: string): Statement;
  /** Runs any number of statements. */
  exec(sql: string): void;
  /** False also after SQLite itself has rolled a transaction back. */
  readonly inTransaction: boolean;
  readonly open: boolean;
  /** Leaves a handle open that the caller owns. */
  close(): void;
}

/** What is used of a handle of `better-sqlite3` that a caller opened. Typed by its shape, since the package is optional. */
export interface BetterSqliteDatabase {
  readonly name: string;
  readonly memory: boolean;
  readonly readonly: boolean;
  readonly open: boolean;
  readonly inTransaction: boolean;
  prepare(sql: string): BetterSqliteStatement;
  exec(sql: string): unknown;
}

export interface BetterSqliteStatement {
  readonly reader: boolean;
  raw(on: boolean): unknown;
  get(...values: SqlValue[]): unknown;
  all(...values: SqlValue[]): unknown[];
  run(...values: SqlValue[]): unknown;
}

/** What is used of a handle of `node:sqlite` (a `DatabaseSync`), whether we opened it or a caller did. */
export interface NodeSqliteDatabase {
  readonly isOpen: boolean;
  readonly isTransaction: boolean;
  location(): string | null;
  prepare(sql: string): NodeSqliteStatement;
  exec(sql: string): void;
  close(): void;
}

export interface NodeSqliteStatement {
  setReturnArrays(on: boolean): void;
  get(...values: SqlValue[]): unknown;
  all(...values: SqlValue[]): unknown[];
  run(...values: SqlValue[]): unknown;
}

/** A handle that a caller opened. */
export type SqliteHandle = BetterSqliteDatabase | NodeSqliteDatabase;
