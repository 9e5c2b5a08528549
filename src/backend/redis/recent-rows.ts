/**
 * Rows that this handle read or wrote last, as objects, so that a row which is still the same is not read from its text
 * again. A row is the same if its version is. Invariant: nothing here is ever believed without a version from the server.
 */

import type { Buffer } from "node:buffer";
import type { RunState } from "../contract/run.ts";
import { type ItemRow, readItem } from "./item-row.ts";
import { itemMember } from "./keys.ts";
import { versionOf } from "./row-version.ts";
import { readState } from "./run-row.ts";
import type { Crew } from "./session-row.ts";

const MOST_ROWS = 4_096;

interface Versioned<T> {
  readonly version: string;
  readonly row: T;
}

export class RecentRows {
  readonly #runs = new Map<string, Versioned<RunState>>();
  readonly #items = new Map<string, Versioned<ItemRow>>();
  readonly #crews = new Map<string, Crew>();

  run(runId: string, stored: Buffer): RunState {
    const version = versionOf(stored);
    const known = this.#runs.get(runId);
    if (known?.version === version) return known.row;
    const row = readState(runId, stored);
    this.wroteRun(row, version);
    return row;
  }

  item(runId: string, item: number, stored: Buffer): ItemRow {
    const version = versionOf(stored);
    const known = this.#items.get(itemMember(runId, item));
    if (known?.version === version) return known.row;
    const row = readItem(runId, item, stored);
    this.wroteItem(row, version);
    return row;
  }

  crew(session: string): Crew | undefined {
    return this.#crews.get(session);
  }

  forgetCrew(session: string): void {
    this.#crews.delete(session);
  }

  wroteRun(row: RunState, version: string): void {
    keep(this.#runs, row.id, { version, row });
  }

  wroteItem(row: ItemRow, version: string): void {
    keep(this.#items, itemMember(row.item.runId, row.item.item), { version, row });
  }

  wroteCrew(crew: Crew): void {
    keep(this.#crews, crew.id, crew);
  }
}

/** Puts it last; the one that was put longest ago goes when there are too many. */
function keep<T>(rows: Map<string, T>, key: string, row: T): void {
  rows.delete(key);
  rows.set(key, row);
  if (rows.size <= MOST_ROWS) return;
  const [oldest] = rows.keys();
  if (oldest !== undefined) rows.delete(oldest);
}
