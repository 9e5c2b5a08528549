/**
 * The whole of a backend over a synchronous store of rows: each operation is one step inside the executor's transaction,
 * and hints go out once it is durable. Memory and SQLite differ in how they keep rows and run transactions, in nothing
 * else. A step may be run again by the executor, so nothing outside the rows changes inside one.
 */

import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Clock } from "../../core/ports.ts";
import type { Capabilities } from "../contract/capabilities.ts";
import type { Claim } from "../contract/claim.ts";
import type { BackendOperations } from "../contract/operations.ts";
import { AtomicStep, type Shared } from "./atomic-step.ts";
import { type AttachedSessions, createAttachedSessions } from "./attached-sessions.ts";
import { putMemo, putProgress, putSnapshot } from "./caches.ts";
import { checkpointsOver } from "./checkpoints.ts";
import { commitAndClaim, withNextDue } from "./commit-and-claim.ts";
import { controlRun } from "./control.ts";
import { documentsOver } from "./documents.ts";
import type { Engine, Undertaking } from "./engine.ts";
import { peek } from "./peek.ts";
import { publish } from "./publish.ts";
import { purge } from "./purge.ts";
import { readsOf } from "./reads.ts";
import { checkClaim, checkControl, checkEvent, checkRequest, checkSession, checkStart } from "./request-checks.ts";
import type { Executor, RowStore } from "./row-store.ts";
import { sendEvent } from "./send-events.ts";
import { closeSession, openSession, renew } from "./sessions.ts";
import { startRun } from "./start-runs.ts";
import { transferOver } from "./transfer.ts";
import { createWakeupHub, type WakeupHub } from "./wakeups.ts";

export interface SynchronousOptions {
  readonly kind: string;
  readonly location: string;
  readonly namespace: string;
  readonly capabilities: Capabilities;
  readonly renewalUrl?: string | undefined;
  readonly store: RowStore;
  readonly executor: Executor;
  readonly clock: Clock;
  /** Given where several handles of this process have the same data, or where hints also come from outside. */
  readonly wakeups?: WakeupHub | undefined;
  /** Given where several handles of this process have the same data. */
  readonly attached?: AttachedSessions | undefined;
}

type Operations = Omit<
  BackendOperations,
  "kind" | "location" | "namespace" | "capabilities" | "renewalUrl" | "attachSession"
>;

export function synchronousOperations(options: SynchronousOptions): BackendOperations {
  const { kind, location, namespace, capabilities, renewalUrl } = options;
  const attached = options.attached ?? createAttachedSessions();
  const engine = synchronousEngine(options, { store: options.store, attached, names: new Map() });
  return {
    kind,
    location,
    namespace,
    capabilities,
    ...(renewalUrl === undefined ? {} : { renewalUrl }),
    ...(capabilities.renewal === "inProcess" ? { attachSession: attached.attach } : {}),
    ...operationsOver(engine),
  };
}

function synchronousEngine(
  { executor, clock, wakeups = createWakeupHub() }: SynchronousOptions,
  shared: Shared,
): Engine {
  async function write<T>(work: (step: AtomicStep) => T): Promise<T> {
    const done = await executor.write(() => {
      const step = new AtomicStep(shared, clock.now(), executor.blockades);
      const result = work(step);
      step.flush();
      return { result, hints: wakeups.active ? step.wakeups() : [] };
    });
    for (const hint of done.hints) wakeups.notify(hint);
    return done.result;
  }

  return {
    write,
    // Behind the same lock as a claim: who is locked out has to notice, or would take what others could not renew.
    peek: (claim) => write((step) => peek(step, claim)),
    read: (work) => executor.read(() => work(shared.store)),
    now: async () => clock.now(),
    subscribe: wakeups.subscribe,
    close: () => executor.close(),
  };
}

/** The operations of a backend, each as steps of the engine. Once closed, it lets nothing pass any more. */
export function operationsOver(engine: Engine): Operations {
  const gate = createGate();
  const write: Engine["write"] = (...parameters) => gate.pass(() => engine.write(...parameters));
  const read: Engine["read"] = (work) => gate.pass(() => engine.read(work));
  const look = engine.peek?.bind(engine);

  async function writeEach<T, R>(
    requests: readonly T[],
    work: (step: AtomicStep, request: T) => R,
    undertaking: (part: readonly T[]) => Undertaking,
  ): Promise<readonly R[]> {
    const results: R[] = [];
    if (requests.length === 0) await gate.pass(async () => undefined);
    for (let at = 0; at < requests.length; at += LIMITS.batchActions) {
      const part = requests.slice(at, at + LIMITS.batchActions);
      results.push(...(await write((step) => part.map((request) => work(step, request)), undertaking(part))));
    }
    return results;
  }

  return {
    publish: (definitions, options) =>
      writeEach(
        definitions,
        (step, definition) => publish(step, definition, options),
        (part) => ({ kind: "publish", definitions: part }),
      ),
    async startRuns(starts) {
      for (const start of starts) checkStart(start);
      return await writeEach(starts, startRun, (part) => ({ kind: "startRuns", starts: part }));
    },
    async control(requests) {
      for (const request of requests) checkControl(request);
      return await writeEach(requests, controlRun, (part) => ({ kind: "control", requests: part }));
    },
    async sendEvents(events) {
      for (const event of events) checkEvent(event);
      return await writeEach(events, sendEvent, (part) => ({ kind: "sendEvents", events: part }));
    },
    async openSession(session) {
      checkSession(session);
      return await write((step) => openSession(step, session), { kind: "session", id: session.id });
    },
    async commitAndClaim(request) {
      checkRequest(request);
      return await write((step) => commitAndClaim(step, request), { kind: "commitAndClaim", request }, withNextDue);
    },
    ...(look === undefined
      ? {}
      : {
          async peek(claim: Claim) {
            checkClaim(claim);
            return await gate.pass(() => look(claim));
          },
        }),
    renew: (renewal) => write((step) => renew(step, renewal), { kind: "renew", renewal }),
    closeSession: (session) => write((step) => closeSession(step, session), { kind: "session", id: session }),
    putMemo: (memo) => write((step) => putMemo(step, memo), { kind: "item", runId: memo.runId, item: memo.item }),
    putProgress: (progress) =>
      write((step) => putProgress(step, progress), { kind: "item", runId: progress.runId, item: progress.item }),
    putSnapshot: (snapshot) => write((step) => putSnapshot(step, snapshot)),
    purge: (request) => write((step) => purge(step, request)),
    read: readsOf(read),
    checkpoints: checkpointsOver({ write, read }),
    documents: documentsOver({ write, read }),
    transfer: transferOver({ write, read }),
    subscribe: engine.subscribe,
    now: () => gate.pass(() => engine.now()),
    close: () => gate.close(() => engine.close()),
  };
}

export interface Gate {
  pass<T>(operation: () => Promise<T>): Promise<T>;
  close(free: () => Promise<void>): Promise<void>;
}

/** Lets operations pass until it is closed; closing waits for those that are inside. */
export function createGate(): Gate {
  const inside = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  async function freeWhenEmpty(free: () => Promise<void>): Promise<void> {
    await Promise.allSettled(inside);
    await free();
  }

  return {
    async pass(operation) {
      if (closing !== undefined) throw new MillraceError("CLOSED", "the backend has been closed");
      const running = operation();
      inside.add(running);
      try {
        return await running;
      } finally {
        inside.delete(running);
      }
    },
    close(free) {
      closing ??= freeWhenEmpty(free);
      return closing;
    },
  };
}
