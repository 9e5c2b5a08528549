/**
 * What the tables of one open store work with: the database, the number of the namespace that all of their rows belong
 * to, the numbers that stand for names, and the rows known from before.
 */

import type { Database } from "./database.ts";
import type { Identities } from "./identities.ts";
import type { RecentRows } from "./recent-rows.ts";

export interface Tables {
  readonly db: Database;
  readonly ns: number;
  readonly ids: Identities;
  readonly recent: RecentRows;
}
