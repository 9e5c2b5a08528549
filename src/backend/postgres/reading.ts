/**
 * Reads outside of steps: the statements of one read see one moment, in one round trip. A list is walked along an index from
 * where the page before ended, so that a page costs what it shows.
 */

import type { Page, PageRequest } from "../contract/run.ts";
import { encodeCursor, pageLimit } from "../synchronous/paging.ts";
import type { Parameter, Pool, SqlRow, Statement } from "./driver.ts";
import { LANE_AT } from "./item-row.ts";
import type { Lanes } from "./lanes.ts";
import { numberAt } from "./row-values.ts";
import { COMMIT, type Statements } from "./statements.ts";

export class Reading {
  readonly statements: Statements;
  readonly ns: number;
  readonly lanes: Lanes;
  readonly #pool: Pool;

  constructor(parts: { readonly statements: Statements; readonly ns: number; readonly lanes: Lanes }, pool: Pool) {
    this.statements = parts.statements;
    this.ns = parts.ns;
    this.lanes = parts.lanes;
    this.#pool = pool;
  }

  async rows(text: string, values: readonly Parameter[]): Promise<readonly SqlRow[]> {
    const [rows] = await this.all([this.statements.of(text, values)]);
    return rows ?? [];
  }

  async row(text: string, values: readonly Parameter[]): Promise<SqlRow | undefined> {
    return (await this.rows(text, values))[0];
  }

  /** Rows of several statements, as of one moment. */
  async all(asked: readonly Statement[], { areItems = false } = {}): Promise<readonly (readonly SqlRow[])[]> {
    const session = await this.#pool.connect();
    try {
      const { beginRead } = this.statements;
      const results = await session.run([...beginRead, ...asked, COMMIT]);
      const found = results.slice(beginRead.length, -1).map(({ rows }) => rows);
      if (areItems) {
        const ids = found.flat().map((row) => numberAt(row, LANE_AT));
        await this.lanes.learn(session, ids);
      }
      session.release();
      return found;
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  /** Rows that `readItemRow` takes. */
  async items(text: string, values: readonly Parameter[]): Promise<readonly SqlRow[]> {
    const [rows] = await this.all([this.statements.of(text, values)], { areItems: true });
    return rows ?? [];
  }

  /**
   * A page of rows. `text` takes the limit as its last parameter; one row more than the page has is asked for. `positionOf`: where
   * a page that ends with the row ended.
   */
  async page<T>(
    list: string,
    request: PageRequest,
    text: string,
    values: readonly Parameter[],
    read: (row: SqlRow) => T,
    positionOf: (row: SqlRow) => readonly (string | number)[],
  ): Promise<Page<T>> {
    const limit = pageLimit(request);
    const rows = await this.rows(text, [...values, limit + 1]);
    const shown = rows.slice(0, limit);
    const entries = shown.map(read);
    const last = shown.at(-1);
    if (rows.length <= limit || last === undefined) return { entries };
    return { entries, cursor: encodeCursor(list, positionOf(last)) };
  }
}
