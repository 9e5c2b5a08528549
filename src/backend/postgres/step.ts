/**
 * One atomic step on one connection: a transaction that begins with locks, loads what the step asks for, and writes all
 * that it changed together with its end. Invariant: the connection is given back exactly once, with nothing open on it; one of
 * which that is not known is closed.
 */

import type { Changes } from "../remote/changes.ts";
import type { CommitResult, LoadedRows, RemoteStep } from "../remote/remote-store.ts";
import { StepLost } from "../remote/step-lost.ts";
import type { Want } from "../remote/wants.ts";
import { nextDueStatement, readNextDue } from "./coming-due.ts";
import type { Session, Statement } from "./driver.ts";
import { writeContexts, writeHistory } from "./history-writing.ts";
import { holdItems, writeBranches, writeItems } from "./item-writing.ts";
import { loadFirst, loadMore, type StoreParts } from "./loading.ts";
import {
  holdRuns,
  insertRuns,
  partialRuns,
  type RunNumbers,
  removeRuns,
  runsToHold,
  updateRuns,
} from "./run-writing.ts";
import { writeCheckpoints, writeDefinitions, writeEntries, writeSessions } from "./shared-writing.ts";
import { COMMIT, ROLLBACK } from "./statements.ts";
import { StepRows } from "./step-rows.ts";
import { isTrouble } from "./store-errors.ts";
import type { Write } from "./writing.ts";

/** Tries to begin before two steps that wait for each other count as a lasting trouble. */
const MOST_TRIES = 5;

export async function beginStep(
  parts: StoreParts,
  numbers: RunNumbers,
  connect: () => Promise<Session>,
  wants: readonly Want[],
  rows: LoadedRows,
): Promise<RemoteStep> {
  for (let tries = 1; ; tries += 1) {
    const session = await connect();
    const known = new StepRows();
    try {
      const now = await loadFirst(parts, session, wants, rows, known);
      return new PostgresStep(parts, numbers, session, known, now);
    } catch (error) {
      await giveUp(session);
      if (tries === MOST_TRIES || !isTrouble(error, "conflict")) throw error;
    }
  }
}

class PostgresStep implements RemoteStep {
  readonly now: number;
  readonly #parts: StoreParts;
  readonly #numbers: RunNumbers;
  readonly #session: Session;
  readonly #known: StepRows;
  /** Entries that were asked for on the way. */
  readonly #entries: Want[] = [];
  #isOver = false;

  constructor(parts: StoreParts, numbers: RunNumbers, session: Session, known: StepRows, now: number) {
    this.#parts = parts;
    this.#numbers = numbers;
    this.#session = session;
    this.#known = known;
    this.now = now;
  }

  async load(wants: readonly Want[], rows: LoadedRows): Promise<void> {
    this.#entries.push(...wants.filter(({ kind }) => kind === "entry"));
    try {
      await loadMore(this.#parts, this.#session, wants, rows, this.#known, this.now);
    } catch (error) {
      if (!isTrouble(error, "conflict")) throw error;
      // Entries that are locked as they turn up are locked in another order by others; all at once they never are.
      throw new StepLost(this.#entries);
    }
  }

  async commit(changes: Changes, { nextDue }: { readonly nextDue: boolean }): Promise<CommitResult> {
    const { lanes, recent } = this.#parts;
    const partial = partialRuns(changes, this.#known);
    const toHold = runsToHold(changes, this.#known);
    try {
      if (partial.length > 0) return await this.#beginAgain(partial);
      if (!(await lanes.find(this.#session, changes.insertedItems))) return await this.#makeLanes(changes);
      await this.#numberRuns(changes);
      return await this.#write(changes, toHold, nextDue);
    } catch (error) {
      await this.abandon();
      if (!isTrouble(error, "conflict", "changed")) throw error;
      this.#known.forgetIn(recent);
      return { kind: "again", wants: [...toHold.map(holding), ...this.#entries] };
    }
  }

  async abandon(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await giveUp(this.#session);
  }

  async #write(changes: Changes, toHold: readonly string[], nextDue: boolean): Promise<CommitResult> {
    const { statements, ns, floors } = this.#parts;
    const writes = this.#writes(changes, toHold);
    const coming = nextDue ? [nextDueStatement(statements, ns, floors)] : [];
    const results = await this.#session.run([...writes.map(({ statement }) => statement), ...coming, COMMIT]);
    this.#end();
    for (const [at, { settle }] of writes.entries()) settle?.(results[at]?.rows[0] ?? []);
    const row = nextDue ? results[writes.length]?.rows[0] : undefined;
    const due = row === undefined ? undefined : readNextDue(row);
    due?.remember(floors, this.now);
    return { kind: "done", nextDueAt: due?.at, contended: this.#known.contended };
  }

  /**
   * In the order of what depends on what, after everything that must be as it was. Sessions come first: who waits for one
   * must not have written an item that the other waits for.
   */
  #writes(changes: Changes, toHold: readonly string[]): readonly Write[] {
    const { statements, ns, recent } = this.#parts;
    const known = this.#known;
    const plain = (written: readonly Statement[]): readonly Write[] => written.map((statement) => ({ statement }));
    return [
      ...writeSessions(statements, ns, changes, known, recent),
      ...plain([
        ...holdRuns(statements, toHold, known),
        ...holdItems(statements, changes, known),
        ...writeDefinitions(statements, ns, changes, known),
        ...removeRuns(statements, ns, changes, known),
        ...insertRuns(statements, ns, changes, known),
      ]),
      ...updateRuns(statements, changes, known, recent),
      ...writeItems(this.#parts, changes, known),
      ...plain([
        ...writeBranches(statements, ns, changes, known),
        ...writeContexts(statements, ns, changes, known),
        ...writeHistory(statements, ns, changes, known),
        ...writeEntries(statements, ns, changes, known),
        ...writeCheckpoints(statements, ns, changes),
      ]),
    ];
  }

  async #beginAgain(runIds: readonly string[]): Promise<CommitResult> {
    await this.abandon();
    return { kind: "again", wants: runIds.map(holding) };
  }

  /** Lanes that nobody has made yet are made by themselves, and the step is run again. */
  async #makeLanes(changes: Changes): Promise<CommitResult> {
    await this.#session.run([ROLLBACK]);
    await this.#parts.lanes.make(this.#session, changes.insertedItems);
    this.#end();
    return { kind: "again", wants: [] };
  }

  async #numberRuns({ insertedRuns }: Changes): Promise<void> {
    if (insertedRuns.length === 0) return;
    const numbers = await this.#numbers.take(this.#session, this.#parts.statements, insertedRuns.length);
    for (const [at, { state }] of insertedRuns.entries()) this.#known.keepNewRun(state.id, numbers[at] ?? 0);
  }

  #end(): void {
    this.#isOver = true;
    this.#session.release();
  }
}

function holding(runId: string): Want {
  return { kind: "run", runId, hold: true };
}

/** Ends whatever is open. Never throws. */
async function giveUp(session: Session): Promise<void> {
  try {
    await session.run([ROLLBACK]);
    session.release();
  } catch {
    session.destroy();
  }
}
