/**
 * What tests of backends at the level of rows and requests have in common: short ways to write starts, items and commits, and
 * a worker that executes nothing but speaks the protocol as a real one does.
 */

import type { Claim, ClaimedItem, CommitAndClaimAnswer } from "../../src/backend/contract/claim.ts";
import type { Commit, CommitAnswer, CommitOutcomeRequest, NewItem } from "../../src/backend/contract/commit.ts";
import type { BackendOperations } from "../../src/backend/contract/operations.ts";
import type { RunState, StartRun } from "../../src/backend/contract/run.ts";
import { canonicalJson, digest } from "../../src/core/digest.ts";

export const DEFINITION = "d".repeat(32);

export type Outcome<K extends CommitOutcomeRequest["kind"]> = Extract<CommitOutcomeRequest, { kind: K }>;

export function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : new TextDecoder().decode(value);
}

export function newItem(node: string, fields: Partial<NewItem> = {}): NewItem {
  return {
    node,
    kind: "node",
    input: bytes("null"),
    queue: "default",
    labels: [],
    keys: [],
    priority: 0,
    delayMs: 0,
    timeoutMs: 3_600_000,
    index: 0,
    ...fields,
  };
}

export function startOf(id: string, fields: Partial<StartRun> = {}): StartRun {
  return {
    id,
    workflow: "orders",
    version: "1.0.0",
    definition: DEFINITION,
    input: bytes("1"),
    inputDigest: "input",
    onConflict: "return",
    first: newItem("first"),
    completion: "single",
    maxItems: 100_000,
    priority: 0,
    tags: {},
    ...fields,
  };
}

/** Each item goes to its node; more than one makes a wider emission. */
export function emit(nodes: readonly (string | NewItem)[], fields: Partial<Outcome<"emit">> = {}): Outcome<"emit"> {
  const items = nodes.map((node, index) => (typeof node === "string" ? newItem(node, { index }) : { ...node, index }));
  return { kind: "emit", items, arrivals: [], outputs: [], width: items.length, ...fields };
}

export function output(...values: readonly string[]): Outcome<"emit"> {
  const outputs = values.map((value, index) => ({ index, value: bytes(value) }));
  return { kind: "emit", items: [], arrivals: [], outputs, width: values.length };
}

export function arrive(join: string, of: string, value: string): Outcome<"emit"> {
  return { kind: "emit", items: [], arrivals: [{ join, of, index: 0, value: bytes(value) }], outputs: [], width: 1 };
}

export function joinOf(node: string) {
  return { node, queue: "default", labels: [], keys: [], priority: 0, timeoutMs: 3_600_000 };
}

/** The end of an attempt at a claimed item. */
export function commitOf(
  { item, run }: Pick<ClaimedItem, "item"> & { readonly run: Pick<RunState, "id" | "generation" | "sequence"> },
  outcome: CommitOutcomeRequest,
  fields: Partial<Omit<Commit, "digest">> = {},
): Commit {
  const commit: Omit<Commit, "digest"> = {
    runId: run.id,
    item: item.item,
    epoch: item.epoch,
    generation: run.generation,
    base: run.sequence,
    reads: [],
    writes: [],
    after: [],
    delta: undefined,
    outcome,
    conflicts: 0,
    metrics: [],
    logs: [],
    ...fields,
  };
  return { ...commit, digest: digest(canonicalJson(commit)) };
}

export async function publishDefinition(
  operations: BackendOperations,
  hash = DEFINITION,
  version = "1.0.0",
): Promise<void> {
  await operations.publish([{ hash, name: "orders", version, json: "{}" }], { replace: false });
}

/** What there is, as much of it as a small test wants. */
export const ANYTHING: Claim = {
  queues: ["default"],
  definitions: [DEFINITION],
  labels: [],
  limit: 10,
  stalledLimit: 1,
  maxStalls: 3,
  graceMs: 0,
};

/** A worker without bodies: it numbers its requests and says what its attempts came to. */
export class ProtocolWorker {
  readonly operations: BackendOperations;
  readonly session: string;
  request = 0;

  constructor(operations: BackendOperations, session: string) {
    this.operations = operations;
    this.session = session;
  }

  static async open(operations: BackendOperations, session: string, leaseMs = 30_000): Promise<ProtocolWorker> {
    await operations.openSession({
      id: session,
      workerId: `worker-${session}`,
      leaseMs,
      queues: ["default"],
      labels: [],
      definitions: [DEFINITION],
      host: "test",
      pid: 1,
    });
    return new ProtocolWorker(operations, session);
  }

  async exchange(commits: readonly Commit[], claim?: Partial<Claim>): Promise<CommitAndClaimAnswer> {
    this.request += 1;
    return await this.send(this.request, commits, claim);
  }

  /** Sends under a number of the caller's choice. */
  async send(request: number, commits: readonly Commit[], claim?: Partial<Claim>): Promise<CommitAndClaimAnswer> {
    const wanted = claim === undefined ? {} : { claim: { ...ANYTHING, ...claim } };
    return await this.operations.commitAndClaim({ session: this.session, request, commits, ...wanted });
  }

  async claim(claim: Partial<Claim> = {}): Promise<readonly ClaimedItem[]> {
    return (await this.exchange([], claim)).items;
  }

  /** The one item that there is to claim. */
  async claimOne(claim: Partial<Claim> = {}): Promise<ClaimedItem> {
    const [item, ...others] = await this.claim(claim);
    if (item === undefined || others.length > 0)
      throw new Error(`there are ${item ? others.length + 1 : 0} items to claim`);
    return item;
  }

  async commit(...commits: readonly Commit[]): Promise<CommitAnswer> {
    const { answers } = await this.exchange(commits);
    const answer = answers.at(-1);
    if (answer === undefined) throw new Error("there is no answer");
    return answer;
  }

  async finish(
    claimed: ClaimedItem,
    outcome: CommitOutcomeRequest,
    fields: Partial<Omit<Commit, "digest">> = {},
  ): Promise<CommitAnswer> {
    return await this.commit(commitOf(claimed, outcome, fields));
  }
}
