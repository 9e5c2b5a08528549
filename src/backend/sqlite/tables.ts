/** What all tables of one open store work with. */

import type { Database } from "./database.ts";
import type { Identities } from "./identities.ts";
import type { RecentRows } from "./recent-rows.ts";

export interface Tables {
  readonly db: Database;
  /** Number of the namespace. */
  readonly ns: number;
  readonly ids: Identities;
  readonly recent: RecentRows;
}
