/**
 * What a test has chosen to go wrong: nodes that fail at certain attempts, and points at which the worker vanishes. Pure
 * bookkeeping. A crash happens once; a chosen failure as often as its attempts come up.
 */

import type { CommitPoint, CrashSide } from "./crashing-line.ts";
import { failure } from "./mocks.ts";

/** Which commit of a node. All must hold; without any, the first that comes. */
export interface CrashPlace {
  /** From 1. */
  readonly attempt?: number | undefined;
  /** The name of a durable step: where its result is kept, instead of where the attempt is committed. */
  readonly step?: string | undefined;
}

/** At which attempts a node fails. */
export interface FailurePlace {
  /** From 1; every attempt if absent. */
  readonly attempts?: number | readonly number[] | undefined;
}

interface CrashPlan extends CrashPlace {
  readonly node: string;
  readonly side: CrashSide;
}

interface FailurePlan extends FailurePlace {
  readonly node: string;
  readonly error: unknown;
}

export class CrashPlans {
  readonly #crashes = new Set<CrashPlan>();
  readonly #failures: FailurePlan[] = [];

  crash(side: CrashSide, node: string, { attempt, step }: CrashPlace): void {
    this.#crashes.add({ side, node, attempt, step });
  }

  fail(node: string, error: unknown, { attempts }: FailurePlace): void {
    this.#failures.push({ node, error, attempts });
  }

  /** The crash that is planned for this point; it is used up. */
  crashAt(point: CommitPoint): CrashSide | undefined {
    for (const plan of this.#crashes) {
      if (plan.node !== point.node || plan.step !== point.step) continue;
      if (plan.attempt !== undefined && plan.attempt !== point.attempt) continue;
      this.#crashes.delete(plan);
      return plan.side;
    }
    return undefined;
  }

  /** Returns an abort or throws where the attempt is to fail. */
  failureAt(node: string, attempt: number): unknown {
    const chosen = this.#failures.find(
      (plan) => plan.node === node && (plan.attempts === undefined || [plan.attempts].flat().includes(attempt)),
    );
    return chosen === undefined ? undefined : failure(chosen.error);
  }
}
