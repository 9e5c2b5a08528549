/**
 * What a step knows of the rows that it has loaded besides what is in them: their numbers, and which version of each it
 * saw. By these its changes find their rows, and are refused if a row is not as it was.
 */

import type { ItemRow } from "./item-row.ts";
import { itemKey, type RecentRows } from "./recent-rows.ts";
import type { RunRow } from "./run-row.ts";
import type { SessionRow } from "./session-row.ts";

export interface KnownRun extends Pick<RunRow, "id" | "version" | "place"> {
  /** Locked: nobody else changes it before this step is over. */
  readonly held: boolean;
  /** Only what a claim needs of it was read: it cannot be written. */
  readonly isPartial: boolean;
}

export interface KnownItem extends Pick<ItemRow, "place" | "version" | "hasMemos"> {
  /** Given without a lock to a claim, as to others at the same time. */
  readonly isOffered: boolean;
  /** Known from before: what the step decides by it counts only if it is still so. */
  readonly isRecalled: boolean;
}

export class StepRows {
  readonly runs = new Map<string, KnownRun>();
  readonly items = new Map<string, KnownItem>();
  readonly sessions = new Map<string, Pick<SessionRow, "id" | "version">>();
  /** What names and versions of definitions stood for. */
  readonly hashes = new Map<string, string | undefined>();
  /** Runs that hold an idempotency key, by its digest. */
  readonly keyHolders = new Map<string, string | undefined>();
  /** Entries that were asked for, and whether they were there. */
  readonly entries = new Map<string, boolean>();
  /** Items whose rows, or whose runs' rows, cannot be read: to be put where no claim meets them. */
  readonly damaged: { readonly run: number; readonly number: number }[] = [];
  /** A ready item was left out because another step held it. */
  contended = false;
  readonly #names = new Map<number, string>();

  keepRun({ id, state, version, place }: RunRow, held: boolean): void {
    // What is locked stays so, whoever reads it again.
    const isHeld = held || (this.runs.get(state.id)?.held ?? false);
    this.runs.set(state.id, { id, version, place, held: isHeld, isPartial: false });
    this.#names.set(id, state.id);
  }

  /** A run of which only a part was read; false if all of it is known already. */
  keepPartOfRun({ id, state, version, place }: RunRow): boolean {
    this.#names.set(id, state.id);
    const before = this.runs.get(state.id);
    if (before !== undefined && !before.isPartial) return false;
    this.runs.set(state.id, { id, version, place, held: false, isPartial: true });
    return true;
  }

  /** A run that the step makes. */
  keepNewRun(runId: string, id: number): void {
    this.runs.set(runId, { id, version: "0", place: "", held: true, isPartial: false });
  }

  /** The name of a run by its number. */
  nameOf(run: number): string | undefined {
    return this.#names.get(run);
  }

  keepItem(row: ItemRow, how: "read" | "offered" | "recalled" = "read"): void {
    const { item, place, version, hasMemos } = row;
    const known = { place, version, hasMemos, isOffered: how === "offered", isRecalled: how === "recalled" };
    this.items.set(itemKey(item.runId, item.item), known);
  }

  item(runId: string, item: number): KnownItem | undefined {
    return this.items.get(itemKey(runId, item));
  }

  keepSession({ id, version, session }: SessionRow): void {
    this.sessions.set(session.id, { id, version });
  }

  /** Takes everything that the step went by out of what is remembered: some of it was not so any more. */
  forgetIn(recent: RecentRows): void {
    for (const runId of this.runs.keys()) recent.runs.forget(runId);
    for (const key of this.items.keys()) recent.items.forget(key);
    for (const id of this.sessions.keys()) recent.sessions.forget(id);
  }
}
