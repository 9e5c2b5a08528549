/**
 * The workers of a test. Each has a line of its own to the store; when the line of one is cut, another takes its place,
 * and the one that vanished is put away without anybody hearing of it. Commits go one by one, so that every one of them
 * is a point at which a worker may vanish.
 */

import type { BackendOperations } from "../../backend/contract/operations.ts";
import type { Clock, Ids, Logger, Random } from "../../core/ports.ts";
import { DistributedWorker, type Duration, type RetryPolicy, type Workflow } from "../../index.ts";
import { CrashingLine, type LinePorts } from "./crashing-line.ts";

/** How the workers of a test work. All may be left out. */
export interface CrewOptions {
  /** Workers at the same time; 1 if absent. */
  readonly workers?: number | undefined;
  /** Items that each of them executes at the same time; 16 if absent. */
  readonly concurrency?: number | undefined;
  /** For nodes without a policy of their own, in workflows without one; 5 attempts if absent. */
  readonly retry?: RetryPolicy | false | undefined;
  /** How long the items of a worker that vanished stay with it; 30 s if absent. */
  readonly lease?: Duration | undefined;
  /** Labels that the workers offer; all that the workflow's nodes ask for if absent. */
  readonly labels?: readonly string[] | undefined;
  readonly logger?: Logger | undefined;
}

export interface CrewPorts extends Omit<LinePorts, "crashed" | "inner"> {
  readonly operations: BackendOperations;
  readonly workflow: Workflow;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Ids;
}

interface Member {
  readonly worker: DistributedWorker;
  readonly line: CrashingLine;
  readonly working: Promise<void>;
}

/** The store says when something is due, so looking for the sake of looking only costs time. */
const POLL = "1d";

export class Crew {
  readonly #ports: CrewPorts;
  readonly #options: CrewOptions;
  readonly #members: Member[] = [];
  #failure: { readonly error: unknown } | undefined;
  #isClosing = false;

  constructor(ports: CrewPorts, options: CrewOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** Hires as many as there are to be. */
  start(): void {
    const { workers = 1 } = this.#options;
    for (let count = 0; count < workers; count += 1) this.#hire();
  }

  /** Throws what ended a worker that nobody stopped. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Whether time alone can bring anything. */
  get isExpecting(): boolean {
    return this.#members.some(({ line }) => line.isExpecting);
  }

  /** All workers vanish at once, and others take their place. */
  crash(): void {
    for (const { line } of [...this.#members]) line.cut();
  }

  /** Stops all; resolves when they have signed off, for which time may have to pass. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(
      this.#members.map(async ({ worker, working }) => {
        await worker.stop({ drain: 0 });
        await working;
      }),
    );
  }

  #hire(): void {
    const { operations, workflow, clock, random, ids, journal, activity, crashAt } = this.#ports;
    const { concurrency, retry, lease, labels, logger } = this.#options;
    const line = new CrashingLine({
      ...{ inner: operations, journal, activity, crashAt },
      crashed: () => this.#replace(line),
    });
    const worker = new DistributedWorker({
      ...{ workflows: [workflow], clock, random, ids, concurrency, retry, lease, logger },
      backend: { operations: line.operations },
      workerId: `worker-${this.#members.length + 1}`,
      labels: labels ?? labelsOf(workflow),
      pollInterval: POLL,
      batch: 1,
      schedules: false,
    });
    const working = worker.run().catch((error: unknown) => {
      if (!line.isCut) this.#failure ??= { error };
    });
    this.#members.push({ worker, line, working });
  }

  #replace(line: CrashingLine): void {
    if (this.#isClosing) return;
    const gone = this.#members.find((member) => member.line === line);
    void gone?.worker.stop({ drain: 0 });
    this.#hire();
  }
}

function labelsOf({ definition }: Workflow): readonly string[] {
  return [...new Set(Object.values(definition.nodes).flatMap(({ labels }) => labels))];
}
