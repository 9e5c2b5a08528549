/** Sessions in memory. The ones that may still expire are kept apart, so that looking for expired ones costs what is alive. */

import type { RowStore, StoredSession } from "../synchronous/row-store.ts";
import type { ItemTable } from "./item-rows.ts";
import type { Journal } from "./journal.ts";
import { compareText } from "./ordered-rows.ts";

type SessionMethods = Pick<RowStore, "session" | "sessions" | "putSession" | "expiredSessions" | "removeSessions">;

export class SessionTable {
  readonly #journal: Journal;
  readonly #items: ItemTable;
  readonly #byId = new Map<string, StoredSession>();
  readonly #live = new Map<string, StoredSession>();

  constructor(journal: Journal, items: ItemTable) {
    this.#journal = journal;
    this.#items = items;
  }

  /** When the first lease that holds an item ends. */
  firstExpiry(): number | undefined {
    let first: number | undefined;
    for (const { id, until } of this.#live.values()) {
      if ((first === undefined || until < first) && this.#items.holdsItems(id)) first = until;
    }
    return first;
  }

  rows(): SessionMethods {
    return {
      session: (id) => this.#byId.get(id),
      sessions: () => [...this.#byId.values()].sort((a, b) => b.startedAt - a.startedAt || compareText(b.id, a.id)),
      putSession: (session) => {
        this.#journal.set(this.#byId, session.id, session);
        this.#journal.set(
          this.#live,
          session.id,
          session.swept || session.stoppedAt !== undefined ? undefined : session,
        );
      },
      expiredSessions: (now) => [...this.#live.values()].filter((session) => session.until <= now),
      removeSessions: (before) => {
        for (const { id, stoppedAt, until } of [...this.#byId.values()]) {
          if ((stoppedAt ?? until) >= before || this.#items.holdsItems(id)) continue;
          this.#journal.set(this.#byId, id, undefined);
          this.#journal.set(this.#live, id, undefined);
        }
      },
    };
  }
}
