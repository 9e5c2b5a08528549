/**
 * Plays commands to two backends at once, the model and the one under test, and fails at the first answer that differs.
 * What a command refers to (a session, a claim, a run) it looks up in what the model has answered so far; both backends
 * get the very same requests.
 */

import type { Claim, ClaimedItem, CommitAndClaim } from "../../../src/backend/contract/claim.ts";
import type { Commit } from "../../../src/backend/contract/commit.ts";
import type { ControlAction } from "../../../src/backend/contract/control.ts";
import type { BackendOperations } from "../../../src/backend/contract/operations.ts";
import type { FailureEntry } from "../../../src/backend/contract/records.ts";
import type { BranchGroup } from "../../../src/backend/contract/work-item.ts";
import { isMillraceError } from "../../../src/core/errors.ts";
import { type ManualClock, seededIds, seededRandom } from "../../../src/core/ports.ts";
import { equal } from "../../../src/testing/conformance/expectation.ts";
import { bytes, failure, newItem } from "../../../src/testing/conformance/parts.ts";
import { allPages, definitionOf } from "../../../src/testing/conformance/stage.ts";
import type { ActionChoice, Command } from "./command.ts";
import { commitOf } from "./commit-making.ts";

/** Lanes that items lie in. */
const LANES = [
  { queue: "default", labels: [] },
  { queue: "default", labels: ["gpu"] },
  { queue: "slow", labels: [] },
  { queue: "slow", labels: ["gpu", "eu"] },
];
const ORDERS = definitionOf("orders");
const SHORT_LEASE_MS = 2_000;

type Call = (backend: BackendOperations) => Promise<unknown>;
type Of<K extends Command["kind"]> = Extract<Command, { kind: K }>;

interface PlayedSession {
  readonly id: string;
  /** Number of its last request. */
  request: number;
  last: CommitAndClaim | undefined;
  closed: boolean;
}

/** What happened how often, over all histories: a test that compares nothing proves nothing. */
export type Tally = Map<string, number>;

export class Player {
  readonly #model: BackendOperations;
  readonly #tested: BackendOperations;
  readonly #clock: ManualClock;
  readonly #ids = seededIds(seededRandom(11));
  readonly #sessions: PlayedSession[] = [];
  readonly #claims: ClaimedItem[] = [];
  /** Those of the claims whose commit was not accepted yet. */
  #open: readonly ClaimedItem[] = [];
  readonly #runs: string[] = [];
  readonly #tally: Tally;
  readonly #inPartitions: boolean;

  constructor(
    model: BackendOperations,
    tested: BackendOperations,
    clock: ManualClock,
    tally: Tally,
    inPartitions = false,
  ) {
    this.#inPartitions = inPartitions;
    this.#model = model;
    this.#tested = tested;
    this.#clock = clock;
    this.#tally = tally;
  }

  /** Plays the command, and compares the hints that it gave too; those from outside the process may come at any time. */
  async play(command: Command): Promise<void> {
    const heard = { model: new Set<string>(), tested: new Set<string>() };
    const stops = [listen(this.#model, heard.model), listen(this.#tested, heard.tested)];
    await this.#play(command);
    for (const stop of stops) stop();
    const tested = [...heard.tested].filter((hint) => !this.#inPartitions || heard.model.has(hint));
    equal(tested.sort(), [...heard.model].sort(), "the wake-ups");
  }

  async begin(): Promise<void> {
    await this.#both((backend) => backend.publish([ORDERS], { replace: false }));
    await this.#openSession(10_000);
    await this.#openSession(SHORT_LEASE_MS);
  }

  async #play(command: Command): Promise<void> {
    switch (command.kind) {
      case "start":
        return await this.#start(command);
      case "openSession":
        await this.#openSession(command.leaseMs);
        return;
      case "closeSession":
        return await this.#closeSession(command);
      case "renew":
        return await this.#renew(command);
      case "request":
        return await this.#request(command);
      case "resend":
        return await this.#resend(command);
      case "advance":
        return await this.#clock.advance(command.ms);
      case "takeOver":
        return await this.#takeOver(command);
      case "control":
        return await this.#control(command);
      case "memo":
        return await this.#memo(command);
      case "snapshot":
        return await this.#snapshot(command);
      case "purge":
        return await this.#done((backend) => backend.purge({ before: this.#clock.now(), limit: command.limit }));
      case "pages":
        return await this.#pages(command);
    }
  }

  /** Failures of one instant in an order of their own, where they have none. */
  #ordered(failures: readonly FailureEntry[]): readonly FailureEntry[] {
    if (!this.#inPartitions) return failures;
    const placeOf = ({ runId, item, epoch }: FailureEntry) => `${runId}.${item}.${epoch}`;
    return failures.toSorted((a, b) => a.at - b.at || (placeOf(a) < placeOf(b) ? -1 : 1));
  }

  /** What both answer; fails when the answers differ. A refusal by exception is an answer too. */
  async #both<T>(call: (backend: BackendOperations) => Promise<T>): Promise<T | undefined> {
    const expected = await outcomeOf(() => call(this.#model));
    const actual = await outcomeOf(() => call(this.#tested));
    equal(actual, expected, "the answer");
    if (expected.code !== undefined) this.#saw(`thrown ${expected.code}`);
    return expected.value;
  }

  async #done(call: Call): Promise<void> {
    await this.#both(call);
  }

  async #start(command: Of<"start">): Promise<void> {
    const input = bytes(`input ${command.input}`);
    const { queue, labels } = LANES[command.lane % LANES.length] ?? { queue: "default", labels: [] };
    const { completion, maxItems, timeoutMs, priority, onConflict, delayMs, deadlineMs } = command;
    const start = {
      id: this.#ids.runId(this.#clock.now()),
      workflow: ORDERS.name,
      version: ORDERS.version,
      definition: ORDERS.hash,
      input,
      inputDigest: `digest ${command.input}`,
      idempotencyKey: command.key === 0 ? `key ${command.key}` : undefined,
      onConflict,
      delta: command.delta ? { bytes: bytes("init"), writes: [0] } : undefined,
      first: newItem("first", { input, queue, labels, priority, delayMs, deadlineMs, timeoutMs: 7_000 }),
      completion,
      maxItems,
      timeoutMs,
      priority,
      tags: { input: String(command.input), lane: String(command.lane) },
    };
    const outcomes = await this.#both((backend) => backend.startRuns([start]));
    if (outcomes?.[0]?.kind === "started") this.#runs.push(start.id);
  }

  async #openSession(leaseMs: number): Promise<PlayedSession> {
    const id = `session-${this.#sessions.length}`;
    const session = {
      id,
      workerId: `worker of ${id}`,
      leaseMs,
      queues: ["default"],
      labels: [],
      definitions: [ORDERS.hash],
      host: "host",
      pid: 1,
    };
    await this.#done((backend) => backend.openSession(session));
    const opened = { id, request: 0, last: undefined, closed: false };
    this.#sessions.push(opened);
    return opened;
  }

  /** Mostly one that has not signed off. */
  #session(place: number) {
    const alive = this.#sessions.filter(({ closed }) => !closed);
    const from = place > 27 || alive.length === 0 ? this.#sessions : alive;
    const session = from[place % from.length];
    if (session === undefined) throw new Error("there is no session");
    return session;
  }

  #claim(place: number, from: readonly ClaimedItem[] = this.#claims): ClaimedItem | undefined {
    return from[place % Math.max(1, from.length)];
  }

  async #closeSession(command: Of<"closeSession">): Promise<void> {
    const session = this.#session(command.session);
    await this.#done((backend) => backend.closeSession(session.id));
    session.closed = true;
  }

  async #renew({ session }: Of<"renew">): Promise<void> {
    const { id } = this.#session(session);
    const held = this.#claims
      .slice(-8)
      .map(({ item, run }) => ({ runId: item.runId, item: item.item, epoch: item.epoch, generation: run.generation }));
    await this.#done((backend) => backend.renew({ session: id, held }));
  }

  async #request(command: Of<"request">): Promise<void> {
    const claims = this.#claimsFor(command);
    const commits: Commit[] = [];
    for (const [at, choice] of command.commits.entries()) {
      const claimed = claims[at];
      if (claimed === undefined) continue;
      const before = commits.at(-1);
      const after = choice.follows && before?.runId === claimed.run.id ? [commits.length - 1] : [];
      commits.push(commitOf(claimed, choice, after, await this.#groups(claimed)));
    }
    // Mostly the session sends that made the first of the claims.
    const owner = claims.find((claimed) => claimed !== undefined)?.item.session;
    const own = command.session % 16 === 0 ? undefined : this.#sessions.find(({ id }) => id === owner);
    const session = own ?? this.#session(command.session);
    const claim = command.limit === 0 ? undefined : claimOf(command, command.lanes);
    await this.#send(session, commits, claim);
  }

  async #takeOver({ maxStalls }: Of<"takeOver">): Promise<void> {
    const owner = this.#open.at(-1)?.item.session;
    await this.#clock.advance(SHORT_LEASE_MS);
    let other = this.#sessions.find(({ id, closed }) => id !== owner && !closed);
    other ??= await this.#openSession(SHORT_LEASE_MS);
    await this.#send(other, [], claimOf({ limit: 4, stalledLimit: 1, maxStalls, graceMs: 0 }, 0));
  }

  /** One claim for each commit: mostly different ones of one session that are not committed yet. */
  #claimsFor({ commits }: Of<"request">): readonly (ClaimedItem | undefined)[] {
    let left = this.#open;
    return commits.map(({ claim, stale }) => {
      const claimed = this.#claim(claim, stale ? this.#claims : left);
      left = left.filter((other) => other !== claimed && other.item.session === claimed?.item.session);
      return claimed;
    });
  }

  async #send(session: PlayedSession, commits: readonly Commit[], claim: Claim | undefined): Promise<void> {
    session.request += 1;
    const request = { session: session.id, request: session.request, commits, claim };
    session.last = request;
    const answer = await this.#both((backend) => backend.commitAndClaim(request));
    this.#claims.push(...(answer?.items ?? []));
    const isDone = (runId: string, item: number, epoch: number): boolean =>
      request.commits.some(
        (commit, at) =>
          answer?.answers[at]?.kind === "committed" &&
          commit.runId === runId &&
          commit.item === item &&
          commit.epoch === epoch,
      );
    const left = this.#open.filter(({ item }) => !isDone(item.runId, item.item, item.epoch));
    this.#open = [...left, ...(answer?.items ?? [])].slice(-12);
    for (const one of answer?.answers ?? []) this.#saw(one.kind === "refused" ? one.code : one.itemStatus);
    for (const { reason, item } of answer?.items ?? []) {
      this.#saw(`claimed as ${reason}`);
      if (item.kind === "join") this.#saw("claimed a join");
      if (item.stalls > 0) this.#saw("took over a stalled item");
    }
  }

  /** The groups around an item, innermost first. */
  async #groups({ item }: ClaimedItem): Promise<readonly BranchGroup[]> {
    const groups: BranchGroup[] = [];
    for (let at = item.group; at !== undefined; ) {
      const group = await this.#model.read.group(item.runId, at);
      if (group === undefined) break;
      groups.push(group);
      at = group.parent;
    }
    return groups;
  }

  async #resend({ session, changed }: Of<"resend">): Promise<void> {
    const { last } = this.#session(session);
    if (last === undefined) return;
    const other = last.claim === undefined ? undefined : { ...last.claim, limit: last.claim.limit + 1 };
    await this.#done(async (backend) => {
      const answer = await backend.commitAndClaim(changed ? { ...last, claim: other } : last);
      // When to look again is only told: stores on servers tell it as of when they are asked.
      return { ...answer, nextDueAt: undefined };
    });
    this.#saw("sent again");
  }

  async #control(command: Of<"control">): Promise<void> {
    const [runId, item] = (await this.#failedItem(command)) ?? [this.#run(command.run), command.item];
    if (runId === undefined) return;
    const request = { action: actionOf(command.action, runId, item), actor: "somebody" };
    const outcomes = await this.#both((backend) => backend.control([request]));
    this.#saw(`${command.action} ${outcomes?.[0]?.kind}`);
  }

  #run(place: number): string | undefined {
    return this.#runs[place % Math.max(1, this.#runs.length)];
  }

  /** What a retry is for: an item that failed for good, where there is one. */
  async #failedItem({ action, run }: Of<"control">): Promise<readonly [string, number] | undefined> {
    if (action !== "retryItem" && action !== "editItem") return undefined;
    const { entries } = await this.#model.read.items({ status: ["permanently_failed"] }, {});
    const item = entries[run % Math.max(1, entries.length)];
    return item && [item.runId, item.item];
  }

  #saw(what: string): void {
    this.#tally.set(what, (this.#tally.get(what) ?? 0) + 1);
  }

  async #memo({ claim, name, stale }: Of<"memo">): Promise<void> {
    const claimed = this.#claim(claim);
    if (claimed?.item.session === undefined) return;
    const { runId, item, epoch, session } = claimed.item;
    const memo = {
      runId,
      item,
      epoch: stale ? epoch - 1 : epoch,
      session,
      name: `memo ${name}`,
      value: bytes(`at ${epoch}`),
    };
    await this.#done((backend) => backend.putMemo(memo));
  }

  async #snapshot({ run, sequence }: Of<"snapshot">): Promise<void> {
    const runId = this.#run(run);
    if (runId === undefined) return;
    await this.#done((backend) =>
      backend.putSnapshot({ runId, sequence, shape: "shape", bytes: bytes(`to ${sequence}`) }),
    );
    await this.#done((backend) => backend.read.contextTail(runId, { after: 0, shape: "shape" }));
    await this.#done((backend) => backend.read.contextTail(runId, { after: 1, upTo: sequence, shape: "shape" }));
  }

  async #pages({ list, limit, status }: Of<"pages">): Promise<void> {
    const statuses = (["running", "paused", "completed", "failed", "cancelled"] as const).slice(status, status + 2);
    const itemStatuses = (["pending", "in_progress", "completed", "cancelled", "held", "waiting_retry"] as const).slice(
      status,
      status + 2,
    );
    const runId = this.#runs[status] ?? "none";
    const lists: readonly Call[] = [
      ({ read }) => allPages((page) => read.runs({ status: statuses }, page), limit),
      ({ read }) => allPages((page) => read.runs({ tags: { input: "1" } }, page), limit),
      ({ read }) =>
        allPages((page) => read.runs({ search: String(status), until: this.#clock.now() - 1_000 }, page), limit),
      ({ read }) => allPages((page) => read.items({ status: itemStatuses }, page), limit),
      ({ read }) => allPages((page) => read.items({ runId, status: itemStatuses }, page), limit),
      ({ read }) => allPages((page) => read.items({ node: "b", changedAfter: status }, page), limit),
      ({ read }) => allPages((page) => read.items({ session: `session-${status}` }, page), limit),
      async ({ read }) => this.#ordered(await allPages((page) => read.failures({}, page), limit)),
      ({ read }) => allPages((page) => read.deltas(runId, page), limit),
    ];
    const call = lists[list % lists.length];
    if (call !== undefined) await this.#done(call);
  }
}

type Limits = Pick<Claim, "limit" | "stalledLimit" | "maxStalls" | "graceMs">;

/** `lanes`: 0 for all, 1 for the first two, 2 for the last two but for what needs the label `eu`. */
function claimOf({ limit, stalledLimit, maxStalls, graceMs }: Limits, lanes: number): Claim {
  const among = lanes === 0 ? LANES : lanes === 1 ? LANES.slice(0, 2) : LANES.slice(2);
  const queues = [...new Set(among.map(({ queue }) => queue))];
  const labels = lanes === 2 ? ["gpu"] : ["gpu", "eu"];
  return { queues, labels, definitions: [ORDERS.hash], limit, stalledLimit, maxStalls, graceMs };
}

function listen(backend: BackendOperations, heard: Set<string>): () => void {
  return backend.subscribe((wakeup) => {
    if (wakeup.kind !== "any") heard.add(JSON.stringify(wakeup));
  });
}

async function outcomeOf<T>(call: () => Promise<T>): Promise<{ readonly value?: T; readonly code?: string }> {
  try {
    return { value: await call() };
  } catch (error) {
    if (isMillraceError(error)) return { code: error.code };
    throw error;
  }
}

function actionOf(choice: ActionChoice, runId: string, item: number): ControlAction {
  switch (choice) {
    case "cancel":
    case "pause":
    case "resume":
    case "delete":
      return { kind: choice, runId };
    case "resumeFurther":
      return { kind: "resume", runId, timeoutMs: 30_000, maxItems: 200 };
    case "retryItem":
      return { kind: "retryItem", runId, item };
    case "editItem":
      return { kind: "retryItem", runId, item, input: bytes("edited") };
    case "complete":
      return { kind: "complete", runId, output: bytes("by hand") };
    case "fail":
      return { kind: "fail", runId, failure: failure("by hand") };
    case "enqueue":
      return { kind: "enqueue", runId, item: newItem("extra", { timeoutMs: 7_000, priority: item % 2 }) };
    case "merge":
      return { kind: "merge", runId, delta: bytes("from outside"), writes: [item % 4] };
    case "setAttempts":
      return { kind: "setAttempts", runId, item, attempts: item % 2 === 0 ? item : { add: -1 } };
  }
}
