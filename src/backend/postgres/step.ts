/**
 * One atomic step on one connection: a transaction that begins with locks, loads what the step asks for, and writes all
 * that it changed together with its end. Invariant: the connection is given back exactly once, with nothing open on it; one of
 * which that is not known is closed.
 */

import type { Changes } from "../remote/changes.ts";
import type { CommitResult, LoadedRows, RemoteStep } from "../remote/remote-store.ts";
import type { Want } from "../remote/wants.ts";
import { nextDueStatement, readNextDue } from "./coming-due.ts";
import type { Session, Statement } from "./driver.ts";
import { writeContexts, writeHistory } from "./history-writing.ts";
import { holdItems, writeBranches, writeItems } from "./item-writing.ts";
import { loadFirst, loadMore, type StoreParts } from "./loading.ts";
import { holdRuns, insertRuns, type RunNumbers, removeRuns, runsToHold, updateRuns } from "./run-writing.ts";
import { writeCheckpoints, writeDefinitions, writeEntries, writeSessions } from "./shared-writing.ts";
import { COMMIT, ROLLBACK } from "./statements.ts";
import { StepRows } from "./step-rows.ts";
import { isTrouble } from "./store-errors.ts";

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
  #isOver = false;

  constructor(parts: StoreParts, numbers: RunNumbers, session: Session, known: StepRows, now: number) {
    this.#parts = parts;
    this.#numbers = numbers;
    this.#session = session;
    this.#known = known;
    this.now = now;
  }

  async load(wants: readonly Want[], rows: LoadedRows): Promise<void> {
    await loadMore(this.#parts, this.#session, wants, rows, this.#known, this.now);
  }

  async commit(changes: Changes, { nextDue }: { readonly nextDue: boolean }): Promise<CommitResult> {
    const { statements, ns, floors, lanes } = this.#parts;
    const toHold = runsToHold(changes, this.#known);
    try {
      if (!(await lanes.find(this.#session, changes.insertedItems))) return await this.#makeLanes(changes);
      await this.#numberRuns(changes);
      const coming = nextDue ? [nextDueStatement(statements, ns, floors)] : [];
      const written = this.#write(changes, toHold);
      const results = await this.#session.run([...written, ...coming, COMMIT]);
      this.#end();
      const row = nextDue ? results[written.length]?.rows[0] : undefined;
      const due = row === undefined ? undefined : readNextDue(row);
      due?.remember(floors, this.now);
      return { kind: "done", nextDueAt: due?.at, contended: this.#known.contended };
    } catch (error) {
      await this.abandon();
      if (!isTrouble(error, "conflict", "changed")) throw error;
      return { kind: "again", wants: toHold.map((runId) => ({ kind: "run", runId, hold: true })) };
    }
  }

  async abandon(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await giveUp(this.#session);
  }

  /** In the order of what depends on what, after everything that must be as it was. */
  #write(changes: Changes, toHold: readonly string[]): readonly Statement[] {
    const { statements, ns, lanes } = this.#parts;
    const known = this.#known;
    return [
      ...holdRuns(statements, toHold, known),
      ...holdItems(statements, changes, known),
      ...writeDefinitions(statements, ns, changes, known),
      ...removeRuns(statements, ns, changes, known),
      ...insertRuns(statements, ns, changes, known),
      ...updateRuns(statements, changes, known),
      ...writeItems(statements, ns, lanes, changes, known),
      ...writeBranches(statements, ns, changes, known),
      ...writeContexts(statements, ns, changes, known),
      ...writeHistory(statements, ns, changes, known),
      ...writeEntries(statements, ns, changes, known),
      ...writeSessions(statements, ns, changes, known),
      ...writeCheckpoints(statements, ns, changes),
    ];
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

/** Ends whatever is open. Never throws. */
async function giveUp(session: Session): Promise<void> {
  try {
    await session.run([ROLLBACK]);
    session.release();
  } catch {
    session.destroy();
  }
}
