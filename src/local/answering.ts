/**
 * Answering what a run in this process waits for from outside: nobody else can. Each wait is offered once to the caller's
 * function; without one the first wait ends the call. It stops with the run, and a wait that is over meanwhile needs no answer.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import { isMillraceError, MillraceError } from "../core/errors.ts";
import { withChildren } from "../definition/child-workflows.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import type { DistributedOrchestrator } from "../orchestrator/distributed-orchestrator.ts";
import { allPages } from "../stores/all-pages.ts";
import { toWaitInfo, type WaitInfo } from "../stores/wait-info.ts";

/** Answers a wait. `undefined`: it is left waiting, and its deadline decides. */
export type OnWait = (wait: WaitInfo) => unknown;

export interface AnsweringPorts {
  readonly operations: BackendOperations;
  readonly orchestrator: DistributedOrchestrator;
  readonly workflow: Workflow;
  readonly onWait: OnWait | undefined;
}

/** What answers while a run goes on. */
export interface Answering {
  /** Rejects with `UNANSWERED` when nobody can answer, and with what the caller's function, or its answer, fails by. */
  readonly failed: Promise<never>;
  /** Idempotent. */
  end(): void;
}

/** Begins. Costs nothing for workflows without such waits. */
export function answerWaits(ports: AnsweringPorts): Answering {
  let fail = (_error: unknown): void => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined);
  if (!withChildren([ports.workflow]).some(waitsForOthers)) return { failed, end: () => undefined };
  const { read } = ports.operations;
  const seen = new Set<string>();
  let isOver = false;
  let isLooking = false;
  let isHinted = false;
  const look = async (): Promise<void> => {
    do {
      isHinted = false;
      for await (const record of allPages((page) => read.waits({}, page))) {
        const wait = toWaitInfo(record);
        if (isOver || wait.kind === "child" || seen.has(wait.id)) continue;
        seen.add(wait.id);
        void offer(ports, wait).catch(fail);
      }
    } while (isHinted);
    isLooking = false;
  };
  const hinted = (): void => {
    if (isOver) return;
    isHinted = true;
    if (isLooking) return;
    isLooking = true;
    void look().catch(fail);
  };
  const close = ports.operations.subscribe(hinted);
  hinted();
  return {
    failed,
    end() {
      isOver = true;
      close();
    },
  };
}

function waitsForOthers({ definition }: Workflow): boolean {
  return Object.values(definition.nodes).some(
    ({ wait }) => wait !== undefined && wait.kind !== "sleep" && wait.kind !== "child",
  );
}

async function offer({ orchestrator, onWait }: AnsweringPorts, wait: WaitInfo): Promise<void> {
  if (onWait === undefined) throw unanswered(wait);
  const answer: unknown = await Promise.resolve(onWait(wait));
  if (answer === undefined) return;
  try {
    await orchestrator.completeWait(wait.id, answer, { actor: "onWait" });
  } catch (error) {
    if (!isMillraceError(error) || !OVER.some((code) => code === error.code)) throw error;
  }
}

/** Codes of an answer that comes too late. */
const OVER = ["WAIT_NOT_FOUND", "RUN_CLOSED", "RUN_NOT_FOUND", "ILLEGAL_TRANSITION", "CLOSED"] as const;

function unanswered({ runId, itemId, node, kind, event, tool, prompt }: WaitInfo): MillraceError {
  const what = event?.name ?? tool ?? prompt;
  const named = what === undefined ? "" : ` (${JSON.stringify(what)})`;
  return new MillraceError(
    "UNANSWERED",
    `node "${node}" waits for ${kind === "tool" ? "the result of a tool" : `an ${kind}`}${named}, and nobody can answer a run in this process`,
    { runId, itemId, node },
  );
}
