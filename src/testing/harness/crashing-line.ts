/**
 * The line between one worker and the store, which a crash can cut for good: just before a request reaches the store, or
 * after the store has done what it asks and before the answer is back. What is at the other end then is a worker that
 * has vanished; its lease runs out, and others take over. Invariant: nothing passes a line that was cut.
 */

import type { ClaimedItem, CommitAndClaim, CommitAndClaimAnswer } from "../../backend/contract/claim.ts";
import type { Commit, CommitAnswer } from "../../backend/contract/commit.ts";
import type { BackendOperations } from "../../backend/contract/operations.ts";
import { MillraceError } from "../../core/errors.ts";
import type { Activity } from "./activity.ts";
import type { Journal, PathOutcome, RunStep } from "./journal.ts";

/** Where a worker may vanish: at the commit of an attempt, or as the result of a durable step is kept. */
export interface CommitPoint {
  readonly runId: string;
  readonly itemId: string;
  readonly node: string;
  readonly attempt: number;
  /** The name of the step; absent for the commit of the attempt. */
  readonly step?: string | undefined;
}

/** Where the line is cut, seen from the store. */
export type CrashSide = "before" | "after";

export interface LinePorts {
  readonly inner: BackendOperations;
  readonly journal: Journal;
  readonly activity: Activity;
  /** Asked once for each point that is reached: whether the worker vanishes there. */
  crashAt(point: CommitPoint): CrashSide | undefined;
  /** The line was cut. */
  crashed(): void;
}

export class CrashingLine {
  readonly operations: BackendOperations;
  readonly #ports: LinePorts;
  /** What the worker has, by item id. */
  readonly #held = new Map<string, CommitPoint>();
  #isCut = false;
  #nextDueAt: number | undefined;

  constructor(ports: LinePorts) {
    this.#ports = ports;
    // Workers have to claim to find out what is there, so that this line knows what they wait for.
    const { peek: _peek, ...inner } = ports.inner;
    this.operations = {
      ...inner,
      // Sessions live by their renewals alone, so that time can tell who has vanished.
      attachSession: () => () => undefined,
      publish: (...given) => this.#through(() => inner.publish(...given)),
      openSession: (session) => this.#through(() => inner.openSession(session)),
      closeSession: async (session) => {
        if (!this.#isCut) await this.#through(() => inner.closeSession(session));
      },
      renew: (renewal) => this.#through(() => inner.renew(renewal), true),
      putSnapshot: (snapshot) => this.#through(() => inner.putSnapshot(snapshot)),
      commitAndClaim: (request) => this.#through(() => this.#commitAndClaim(request)),
      putProgress: (progress) => this.#through(() => inner.putProgress(progress), true),
      putMemo: (memo) => this.#through(() => this.#putMemo(memo)),
      read: {
        ...inner.read,
        definition: (hash) => this.#through(() => inner.read.definition(hash)),
        contextTail: (...range) => this.#through(() => inner.read.contextTail(...range)),
        arrivals: (...place) => this.#through(() => inner.read.arrivals(...place)),
      },
      subscribe: (listener) =>
        inner.subscribe((wakeup) => {
          if (this.#isCut) return;
          ports.activity.note();
          listener(wakeup);
        }),
    };
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** Whether time brings anything here: something is executed, or becomes due in the store. */
  get isExpecting(): boolean {
    return !this.#isCut && (this.#held.size > 0 || this.#nextDueAt !== undefined);
  }

  /** Cuts the line: whatever the worker was doing is lost. */
  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    for (const point of this.#held.values()) {
      this.#ports.activity.leave(point.itemId);
      this.#ended(point, "crashed");
    }
    this.#held.clear();
    this.#ports.crashed();
  }

  async #through<T>(ask: () => Promise<T>, isRoutine = false): Promise<T> {
    this.#checkWhole();
    const answer = await this.#ports.activity.request(ask, isRoutine);
    this.#checkWhole();
    return answer;
  }

  #checkWhole(): void {
    if (this.#isCut) throw new MillraceError("BACKEND_UNAVAILABLE", "this worker has crashed in the test");
  }

  async #commitAndClaim(request: CommitAndClaim): Promise<CommitAndClaimAnswer> {
    const side = this.#crashAmong(request.commits);
    if (side === "before") this.cut();
    this.#checkWhole();
    const answer = await this.#ports.inner.commitAndClaim(request);
    for (const [at, commit] of request.commits.entries()) this.#answered(commit, answer.answers[at]);
    this.#nextDueAt = answer.nextDueAt;
    // What a worker that has vanished was given by this answer, it never began.
    if (side === "after") this.cut();
    else for (const claimed of answer.items) this.#held.set(pointOf(claimed).itemId, pointOf(claimed));
    return answer;
  }

  async #putMemo(memo: Parameters<BackendOperations["putMemo"]>[0]): Promise<boolean> {
    const held = this.#held.get(`${memo.runId}.${memo.item}`);
    const side = held && this.#ports.crashAt({ ...held, step: memo.name });
    if (side === "before") this.cut();
    this.#checkWhole();
    const isKept = await this.#ports.inner.putMemo(memo);
    if (side === "after") this.cut();
    return isKept;
  }

  #crashAmong(commits: readonly Commit[]): CrashSide | undefined {
    for (const { runId, item } of commits) {
      const held = this.#held.get(`${runId}.${item}`);
      const side = held && this.#ports.crashAt(held);
      if (side !== undefined) return side;
    }
    return undefined;
  }

  #answered({ runId, item }: Commit, answer: CommitAnswer | undefined): void {
    const held = this.#held.get(`${runId}.${item}`);
    if (held === undefined || answer === undefined) return;
    if (answer.kind === "refused" && answer.code === "CONTEXT_CONFLICT") return;
    this.#held.delete(held.itemId);
    this.#ended(held, answer.kind === "refused" ? "lost" : OUTCOMES[answer.itemStatus]);
  }

  #ended({ runId, itemId, node, attempt }: CommitPoint, outcome: PathOutcome): void {
    const step: RunStep = { runId, itemId, node, attempt, outcome };
    this.#ports.journal.ended(step);
  }
}

type CommittedStatus = Extract<CommitAnswer, { kind: "committed" }>["itemStatus"];

const OUTCOMES: Readonly<Record<CommittedStatus, PathOutcome>> = {
  completed: "completed",
  held: "held",
  waiting: "waiting",
  waiting_retry: "retried",
  failed: "failedOver",
  permanently_failed: "failed",
  pending: "released",
};

function pointOf({ item }: ClaimedItem): CommitPoint {
  const { runId, node } = item;
  return { runId, itemId: `${runId}.${item.item}`, node, attempt: item.attempts + 1 };
}
