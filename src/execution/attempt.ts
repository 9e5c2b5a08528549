/**
 * One attempt of one claimed item: input parsed, body called, and what came of it turned into everything that its commit
 * needs. The body may run several times within one attempt, on newer contexts, when an execution lost to a conflict; its
 * step results are kept, everything else of the lost execution is dropped. Pure but for user code and the reads that the
 * host offers. Invariant: an execution always ends in an outcome; nothing that user code does makes it throw.
 */

import type { ClaimedItem } from "../backend/contract/claim.ts";
import type { Commit, CommitOutcomeRequest } from "../backend/contract/commit.ts";
import type { Arrival } from "../backend/contract/work-item.ts";
import { type AttemptFailure, abortFailure, describeFailure, engineFailure, MillraceError } from "../core/errors.ts";
import type { Logger, Random } from "../core/ports.ts";
import { decideRetry } from "../core/retry.ts";
import { decodeValue } from "../core/values.ts";
import { type Delta, encodeDelta, type FoldedContext } from "../definition/context/delta.ts";
import { type AttemptContext, openContext } from "../definition/context/live-context.ts";
import type { NodeRuntime } from "../definition/node-runtime.ts";
import { parseWith } from "../definition/schema.ts";
import { type Abort, isTransition } from "../definition/transition.ts";
import { AttemptRecords } from "./attempt-records.ts";
import { emit, emittedValues } from "./emission.ts";
import { decideFailure, type FailedOutcome } from "./failure-path.ts";
import { joinedPayload, joinInputs, type ReadArrivals, readAllArrivals } from "./join-inputs.ts";
import { failureOf, itemIdOf, nodeArguments } from "./node-arguments.ts";
import type { NodeProgram, Program } from "./program.ts";
import { type PutMemo, StepMemos } from "./step-memos.ts";
import { BadAnswer, isInVain, type ReadChild, receivedBy } from "./wait-answer.ts";
import { hasToWait, waitOutcome } from "./wait-request.ts";

/** What the worker offers to an attempt. Reads and writes either succeed or throw for good. */
export interface AttemptHost {
  readonly random: Random;
  readonly logger: Logger;
  /** The backend's time, as well as it is known here. */
  now(): number;
  signal(): AbortSignal;
  /** Rejects when the signal is aborted. */
  sleep(ms: number): Promise<void>;
  heartbeat(details: unknown): void;
  readArrivals(cursor: string | undefined): ReturnType<ReadArrivals>;
  readChild(runId: string): ReturnType<ReadChild>;
  putMemo(name: string, value: Uint8Array): ReturnType<PutMemo>;
}

/** What one execution came to: a commit but for its place among others. */
export interface Execution extends Pick<Commit, "reads" | "writes" | "delta" | "outcome" | "metrics" | "logs"> {
  /** Sequence of the context that it ran on. */
  readonly base: number;
  /** The changes in `delta`. */
  readonly changes: Delta | undefined;
  /** How to make it hold on a newer context without the body; `undefined` as its answer: the body has to run again. */
  readonly rebase: ((onto: FoldedContext) => Execution | undefined) | undefined;
}

type Outcome = CommitOutcomeRequest;

export class Attempt {
  readonly claimed: ClaimedItem;
  readonly program: Program;
  /** Absent where the code has no such node. */
  readonly node: NodeProgram | undefined;
  /** Executions that lost to a conflict. */
  conflicts = 0;
  readonly #host: AttemptHost;
  #records: AttemptRecords | undefined;
  #memos: StepMemos | undefined;
  #arrivals: readonly Arrival[] | undefined;
  #context: AttemptContext | undefined;
  /** Grows when an execution ends or is dropped, so that what it left running finds itself closed. */
  #execution = 0;

  constructor(claimed: ClaimedItem, program: Program, host: AttemptHost) {
    this.claimed = claimed;
    this.program = program;
    this.node = program.nodes.get(claimed.item.node);
    this.#host = host;
  }

  /** Noted by the execution that runs. */
  get records(): AttemptRecords {
    const { item } = this.claimed;
    const host = this.#host;
    const where = { runId: item.runId, itemId: itemIdOf(item), node: item.node, attempt: item.attempts + 1 };
    this.#records ??= new AttemptRecords(where, host.logger, () => host.now());
    return this.#records;
  }

  get memos(): StepMemos {
    const host = this.#host;
    const put: PutMemo = (name, value) => host.putMemo(name, value);
    this.#memos ??= new StepMemos(this.claimed.item.node, this.claimed.memos, put, host);
    return this.#memos;
  }

  signal(): AbortSignal {
    return this.#host.signal();
  }

  heartbeat(details: unknown): void {
    this.#host.heartbeat(details);
  }

  /** Whether its transitions are conditional on all that the body reads. */
  get isSerializable(): boolean {
    return this.node?.node.serializable === true;
  }

  /** Runs the body on a context, and again where the node is tried again inside one attempt. Never rejects. */
  async execute(view: FoldedContext): Promise<Execution> {
    const { node } = this;
    for (let failures = 1; ; failures += 1) {
      this.drop();
      if (node === undefined) return await this.fail(this.#unknownNode());
      const execution = this.#execution;
      const context = this.#open(node, view);
      try {
        const outcome = await this.#outcome(node, context, () => this.#checkOpen(execution));
        return this.#finished(outcome, context, view);
      } catch (thrown) {
        const bad = BadAnswer.of(thrown);
        if (bad !== undefined) return await this.#failed(bad.failure, context, view, bad);
        const failure = Aborted.failureOf(thrown) ?? describeFailure(thrown);
        if (!(await this.#triesAgain(node, failure, failures, execution))) {
          return await this.#failed(failure, context, view);
        }
      }
    }
  }

  /** Waits, if the node is tried again inside this attempt. False too when the execution was dropped meanwhile. */
  async #triesAgain(
    { inProcess }: NodeProgram,
    failure: AttemptFailure,
    failures: number,
    execution: number,
  ): Promise<boolean> {
    if (inProcess === undefined) return false;
    const { random, logger } = this.#host;
    const decision = decideRetry(inProcess, failure, failures, random, this.#host.now());
    if (!decision.retry) return false;
    const { code, message } = failure;
    logger.warn("trying again inside the attempt", { itemId: itemIdOf(this.claimed.item), failures, code, message });
    return await this.#host.sleep(decision.delayMs).then(
      () => execution === this.#execution,
      () => false,
    );
  }

  /** Ends the attempt as failed, whatever the body is doing. `isFinal`: without another attempt. Never rejects. */
  async fail(failure: AttemptFailure, isFinal = false): Promise<Execution> {
    const logs = this.#logs;
    this.drop();
    const outcome = await this.#failure(failure, { isFinal, waitsAgain: isInVain(this.claimed.item) });
    return { ...NOTHING, outcome, metrics: [], logs, base: 0 };
  }

  /** Gives the item back. */
  release(delayMs: number): Execution {
    this.drop();
    return { ...NOTHING, outcome: { kind: "release", delayMs }, metrics: [], logs: [], base: 0 };
  }

  /** Drops the execution that is running: what it still does has no effect. */
  drop(): void {
    this.#execution += 1;
    this.#context?.discard();
    this.#context = undefined;
    this.#records?.clear();
    this.#memos?.restart();
  }

  get #logs(): Commit["logs"] {
    return this.#records?.logs() ?? [];
  }

  #open(node: NodeProgram, view: FoldedContext): AttemptContext | undefined {
    if (!node.seesContext) return undefined;
    const { item } = this.claimed;
    const stamp = { item: itemIdOf(item), epoch: item.epoch, at: this.#host.now() };
    this.#context = openContext(this.program.shape, view.state, stamp);
    return this.#context;
  }

  /** Calls the body. Throws whatever makes the attempt fail. */
  async #outcome(node: NodeProgram, context: AttemptContext | undefined, checkOpen: () => void): Promise<Outcome> {
    const { item, run, failure } = this.claimed;
    const read = this.#given(node);
    const given = read instanceof Promise ? await read : read;
    const live = context?.live ?? NO_CONTEXT;
    const execution = { given, error: failureOf(failure), context: live, checkOpen };
    const wait = node.runtime.kind === "node" ? node.runtime.wait : undefined;
    if (wait !== undefined && hasToWait(item, wait)) {
      const outcome = await waitOutcome(node, wait, this.claimed, nodeArguments(item, execution, this));
      checkOpen();
      return outcome;
    }
    const answer = wait && (await receivedBy(node.name, wait, this.claimed, (runId) => this.#host.readChild(runId)));
    const returned: unknown = await node.runtime.run(nodeArguments(item, { ...execution, ...answer }, this));
    checkOpen();
    if (!isTransition(returned)) throw noTransition(node.name, returned);
    switch (returned.kind) {
      case "hold":
        if (node.node.serializable) return { kind: "hold" };
        throw new MillraceError("INVALID_OUTPUT", `node "${node.name}" held its item, but is not serializable`, {
          hints: ["Declare serializable: true, so that two holding items cannot miss each other."],
        });
      case "abort":
        throw new Aborted(aborted(returned));
      case "next":
      case "nextAll": {
        const { delayMs, priority } = returned;
        const checked = emittedValues(node, returned);
        const values = checked instanceof Promise ? await checked : checked;
        const options = {
          runPriority: run.priority,
          ...(delayMs === undefined ? {} : { delayMs }),
          ...(priority === undefined ? {} : { priority }),
        };
        return emit(this.program, node, values, options, ({ slot, name }, value) =>
          this.program.guards(node.name, slot, name)?.(value, { context: live }),
        );
      }
    }
  }

  #given({ name, runtime }: NodeProgram): Given | Promise<Given> {
    if (runtime.kind !== "node") return this.#joined(name, runtime);
    const { input } = this.claimed;
    const what = `the input of node "${name}"`;
    const parsed = parseWith(runtime.input, input === undefined ? null : decodeValue(input, { what }));
    return parsed instanceof Promise ? parsed.then((result) => accepted(what, result)) : accepted(what, parsed);
  }

  async #joined(name: string, runtime: Exclude<NodeRuntime, { kind: "node" }>): Promise<Given> {
    this.#arrivals ??= await readAllArrivals(name, (cursor) => this.#host.readArrivals(cursor));
    return { inputs: await joinInputs(name, runtime, this.#arrivals) };
  }

  /** A success: the body's changes go with it, on condition that what they rest on is still so. */
  #finished(outcome: Outcome, context: AttemptContext | undefined, view: FoldedContext): Execution {
    const kept = { outcome, metrics: this.#records?.metrics() ?? [], logs: this.#logs };
    context?.close();
    this.#execution += 1;
    const changes = context?.delta();
    if (context === undefined || (changes === undefined && !this.isSerializable)) {
      return { ...NOTHING, ...kept, base: view.sequence };
    }
    return this.#withChanges(kept, context, view.sequence, changes);
  }

  #withChanges(kept: Kept, context: AttemptContext, base: number, changes: Delta | undefined): Execution {
    const updates = context.updates();
    const reads = this.isSerializable ? union(context.reads(), updates) : updates;
    return {
      ...kept,
      base,
      reads,
      writes: changes === undefined ? [] : context.writes(),
      changes,
      delta: changes === undefined ? undefined : encodeDelta(changes),
      rebase: reads.length === 0 ? undefined : (onto) => this.#rebased(kept, context, onto),
    };
  }

  #rebased(kept: Kept, context: AttemptContext, onto: FoldedContext): Execution | undefined {
    const rebased = context.rebase(onto.state, { ignoreReads: !this.isSerializable });
    return rebased.kind === "stale" ? undefined : this.#withChanges(kept, context, onto.sequence, rebased.delta);
  }

  async #failed(
    failure: AttemptFailure,
    context: AttemptContext | undefined,
    view: FoldedContext,
    bad?: { readonly isFinal: boolean },
  ): Promise<Execution> {
    const outcome = await this.#failure(failure, { isFinal: bad?.isFinal === true, waitsAgain: bad !== undefined });
    return this.#conditional({ outcome, metrics: [], logs: this.#logs }, context, view);
  }

  /**
   * A failure: changes are dropped. In a serializable node even that the body gave up may rest on what it read; but
   * whether to try again does not, since the next attempt reads anew.
   */
  #conditional(kept: Kept, context: AttemptContext | undefined, view: FoldedContext): Execution {
    const reads = this.isSerializable && kept.outcome.kind !== "retry" ? (context?.reads() ?? []) : [];
    context?.close();
    this.#execution += 1;
    const unchanged = (base: number): Execution => ({
      ...NOTHING,
      ...kept,
      base,
      reads,
      rebase: reads.length === 0 || context === undefined ? undefined : again(context),
    });
    const again = (read: AttemptContext) => (onto: FoldedContext) =>
      read.rebase(onto.state).kind === "stale" ? undefined : unchanged(onto.sequence);
    return unchanged(view.sequence);
  }

  async #failure(
    failure: AttemptFailure,
    { isFinal, waitsAgain }: { readonly isFinal: boolean; readonly waitsAgain: boolean },
  ): Promise<Outcome> {
    const { program, node, claimed } = this;
    const { item, run } = claimed;
    const decide = (input: Uint8Array | undefined): FailedOutcome => {
      const failed = { failure, item, input, runPriority: run.priority, isFinal };
      const outcome = decideFailure(program, node, failed, this.#host.random, this.#host.now());
      return waitsAgain && outcome.kind !== "failOver" ? { ...outcome, waitsAgain } : outcome;
    };
    if (item.kind !== "join") return decide(claimed.input ?? NULL);
    const outcome = decide(undefined);
    if (
      outcome.kind !== "fail" ||
      node === undefined ||
      (node.edge.onFailure === undefined && node.edge.onTimeout === undefined)
    )
      return outcome;
    return decide(await this.#payloadOfJoin(node));
  }

  async #payloadOfJoin({ name, runtime }: NodeProgram): Promise<Uint8Array | undefined> {
    if (runtime.kind === "node") return undefined;
    try {
      this.#arrivals ??= await readAllArrivals(name, (cursor) => this.#host.readArrivals(cursor));
    } catch {
      return undefined;
    }
    return joinedPayload(runtime.kind, this.#arrivals);
  }

  #checkOpen(execution: number): void {
    if (execution === this.#execution) return;
    throw new MillraceError("CLOSED", `the attempt of item ${itemIdOf(this.claimed.item)} has ended`, {
      hints: ["Await everything that a body begins before it returns."],
    });
  }

  #unknownNode(): AttemptFailure {
    const { name, version } = this.program.definition;
    return engineFailure(
      "INVALID_WORKFLOW",
      `${name}@${version} has no node "${this.claimed.item.node}" in this worker's code`,
    );
  }
}

type Given = { readonly input: unknown } | { readonly inputs: unknown };
type Kept = Pick<Execution, "outcome" | "metrics" | "logs">;

const NULL = new TextEncoder().encode("null");
const NO_CONTEXT: object = Object.freeze(Object.create(null));
const NOTHING = { reads: [], writes: [], delta: undefined, changes: undefined, rebase: undefined } as const;

function accepted(
  what: string,
  parsed: { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly issues: readonly string[] },
): Given {
  if (parsed.ok) return { input: parsed.value };
  throw new MillraceError("INVALID_INPUT", `${what} does not fit its schema: ${parsed.issues.join("; ")}`, {
    details: { issues: parsed.issues },
  });
}

/** A body gave up with `abort`. */
class Aborted {
  readonly #failure: AttemptFailure;

  constructor(failure: AttemptFailure) {
    this.#failure = failure;
  }

  /** Of anything thrown, without asking it anything: bodies throw what they like. */
  static failureOf(thrown: unknown): AttemptFailure | undefined {
    return typeof thrown === "object" && thrown !== null && #failure in thrown ? thrown.#failure : undefined;
  }
}

function aborted({ code, message, details, stack }: Abort): AttemptFailure {
  const failure = abortFailure(message, { code, details });
  return stack === undefined ? failure : { ...failure, stack };
}

function noTransition(node: string, returned: unknown): MillraceError {
  const shown =
    returned === null ? "null" : returned === undefined ? "nothing" : `something of type ${typeof returned}`;
  return new MillraceError("INVALID_OUTPUT", `run of node "${node}" returned ${shown}, which is no transition`, {
    hints: ["Return next(value), nextAll(values), hold() or abort(reason)."],
  });
}

function union(left: readonly number[], right: readonly number[]): readonly number[] {
  if (right.length === 0) return left;
  return [...new Set([...left, ...right])].sort((a, b) => a - b);
}
