/**
 * What a step knows of the rows that it has loaded besides what is in them: their numbers, and which version of each it
 * saw. By these its changes find their rows, and are refused if a row is not as it was.
 */

import type { ItemRow } from "./item-row.ts";
import type { RunRow } from "./run-row.ts";
import type { SessionRow } from "./session-row.ts";

export interface KnownRun extends Pick<RunRow, "id" | "version" | "place"> {
  /** Locked: nobody else changes it before this step is over. */
  readonly held: boolean;
}

export interface KnownItem extends Pick<ItemRow, "place" | "version"> {
  /** Given without a lock to a claim, as to others at the same time. */
  readonly isOffered: boolean;
}

export class StepRows {
  readonly runs = new Map<string, KnownRun>();
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
  readonly #items = new Map<string, KnownItem>();

  keepRun({ id, state, version, place }: RunRow, held: boolean): void {
    // What is locked stays so, whoever reads it again.
    const isHeld = held || (this.runs.get(state.id)?.held ?? false);
    this.runs.set(state.id, { id, version, place, held: isHeld });
    this.#names.set(id, state.id);
  }

  /** A run that the step makes. */
  keepNewRun(runId: string, id: number): void {
    this.runs.set(runId, { id, version: "0", place: "", held: true });
  }

  /** The name of a run by its number. */
  nameOf(run: number): string | undefined {
    return this.#names.get(run);
  }

  keepItem({ item, place, version }: ItemRow, isOffered = false): void {
    this.#items.set(keyOf(item.runId, item.item), { place, version, isOffered });
  }

  item(runId: string, item: number): KnownItem | undefined {
    return this.#items.get(keyOf(runId, item));
  }

  keepSession({ id, version, session }: SessionRow): void {
    this.sessions.set(session.id, { id, version });
  }
}

function keyOf(runId: string, item: number): string {
  return `${runId}.${item}`;
}
