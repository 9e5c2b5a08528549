/**
 * The first rows of an ordered query, at the least cost for lists that are asked for at every claim and are mostly empty.
 * A limit that is a parameter makes SQLite prepare the statement anew whenever it is bound, so limits are written into the
 * text; they are rounded up to a few sizes, so that there are few statements.
 */

import type { Database } from "./database.ts";
import type { SqlRow, SqlValue } from "./driver.ts";

/** At most `limit` rows of `sql`, which names no limit itself. */
export function firstRows(db: Database, sql: string, limit: number, ...values: readonly SqlValue[]): readonly SqlRow[] {
  // One row costs much less than a list of none.
  if (limit < 1 || db.statement(sql).get(...values) === undefined) return [];
  const rows = db.statement(`${sql} LIMIT ${roundedUp(limit)}`).all(...values);
  return rows.length > limit ? rows.slice(0, limit) : rows;
}

function roundedUp(limit: number): number {
  return 2 ** Math.ceil(Math.log2(Math.min(limit, MOST)));
}

/** As good as no limit. */
const MOST = 2 ** 40;
