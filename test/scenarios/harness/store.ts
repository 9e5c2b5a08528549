/**
 * What scenarios ask of a store while its workers work: who holds what, how far the runs are, and what became of an
 * item. Reads alone.
 */

import type { BackendOperations } from "../../../src/backend/contract/operations.ts";
import type { FailureEntry } from "../../../src/backend/contract/records.ts";
import type { RunRecord } from "../../../src/backend/contract/run.ts";
import type { SessionRecord } from "../../../src/backend/contract/session.ts";
import type { WorkItem } from "../../../src/backend/contract/work-item.ts";
import { all } from "./run-invariants.ts";

export class Store {
  readonly operations: BackendOperations;

  constructor(operations: BackendOperations) {
    this.operations = operations;
  }

  async openRuns(): Promise<number> {
    return (await this.runs()).filter(({ finishedAt }) => finishedAt === undefined).length;
  }

  async completedItems(): Promise<number> {
    return (await this.runs()).reduce((sum, { completed }) => sum + completed, 0);
  }

  async runs(): Promise<readonly RunRecord[]> {
    return await all((page) => this.operations.read.runs({}, page));
  }

  async items(runId: string): Promise<readonly WorkItem[]> {
    return await all((page) => this.operations.read.items({ runId }, page));
  }

  async failures(runId: string): Promise<readonly FailureEntry[]> {
    return await all((page) => this.operations.read.failures({ runId }, page));
  }

  /** Items that a process has leased. */
  async heldBy(pid: number): Promise<number> {
    const held = await Promise.all((await this.sessionsOf(pid)).map(({ id }) => this.#leased(id)));
    return held.reduce((sum, count) => sum + count, 0);
  }

  async sessionsOf(pid: number): Promise<readonly SessionRecord[]> {
    return (await this.operations.read.sessions()).filter((session) => session.pid === pid);
  }

  async #leased(session: string): Promise<number> {
    return (await this.operations.read.items({ session, status: ["in_progress"] }, { limit: 1_000 })).entries.length;
  }
}
