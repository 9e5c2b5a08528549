/**
 * One open database: statements prepared once and kept, transactions, and the pragmas that are asked for while it runs.
 * Everything above the driver goes through here. Invariant: `rollback` leaves no transaction open, whatever SQLite did
 * by itself.
 */

import { MillraceError } from "../../core/errors.ts";
import type { Driver, SqlRow, SqlValue, Statement } from "./driver.ts";
import { toStoreError } from "./store-errors.ts";

export class Database {
  /** Where it is, for messages. */
  readonly location: string;
  readonly #driver: Driver;
  readonly #statements = new Map<string, Statement>();
  #closed = false;

  constructor(driver: Driver, location: string) {
    this.#driver = driver;
    this.location = location;
  }

  /** The statement, prepared at its first use and then kept. */
  statement(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const fresh = lazily(() => this.#driver.prepare(sql));
    this.#statements.set(sql, fresh);
    return fresh;
  }

  /** Rows of a statement whose text is seldom the same twice. */
  query(sql: string, values: readonly SqlValue[]): readonly SqlRow[] {
    return this.#driver.prepare(sql).all(...values);
  }

  /** The one value that a pragma gives, or that it was set to. */
  pragma(text: string): SqlValue | undefined {
    return this.#driver.prepare(`PRAGMA ${text}`).get()?.[0];
  }

  exec(sql: string): void {
    this.#driver.exec(sql);
  }

  get inTransaction(): boolean {
    return this.#driver.inTransaction;
  }

  /** Ends a transaction without a trace; SQLite may have done so before. */
  rollback(): void {
    if (this.isOpen && this.#driver.inTransaction) this.#driver.exec("ROLLBACK");
  }

  /** Changes whenever anybody else has committed to the file since this connection last looked; own commits do not count. */
  dataVersion(): number {
    return Number(this.statement("PRAGMA data_version").get()?.[0] ?? 0);
  }

  /** What an error means to a caller. */
  explain(error: unknown): unknown {
    if (!this.isOpen) return new MillraceError("CLOSED", `${this.location} has been closed`, { cause: error });
    return toStoreError(error, this.location);
  }

  get isOpen(): boolean {
    return !this.#closed && this.#driver.open;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#statements.clear();
    this.#driver.close();
  }
}

function lazily(prepare: () => Statement): Statement {
  let prepared: Statement | undefined;
  const statement = (): Statement => {
    prepared ??= prepare();
    return prepared;
  };
  return {
    get: (...values) => statement().get(...values),
    all: (...values) => statement().all(...values),
    run: (...values) => statement().run(...values),
    insert: (...values) => statement().insert(...values),
  };
}
