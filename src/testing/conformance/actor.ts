/**
 * A worker's session as the cases drive it: numbers its requests, fills in what a case does not care about, and sends
 * again what was sent last. It executes nothing: what an attempt did is what the case says.
 */

import { inspect } from "node:util";
import type { Claim, ClaimedItem, CommitAndClaim, CommitAndClaimAnswer, Peek } from "../../backend/contract/claim.ts";
import type { Commit, CommitAnswer, CommitOutcomeRequest } from "../../backend/contract/commit.ts";
import type { BackendOperations } from "../../backend/contract/operations.ts";
import type { HeldItem, Renewal, RenewalAnswer } from "../../backend/contract/session.ts";
import { digest } from "../../core/digest.ts";
import { check, equal, ofKind, present } from "./expectation.ts";
import { DEFAULT_QUEUE, textOf } from "./parts.ts";

export type Committed = Extract<CommitAnswer, { kind: "committed" }>;

/** What a commit carries besides its outcome; all of it has a default that fits the claimed item. */
export type CommitExtras = Partial<Omit<Commit, "outcome">>;

/** What one claim handed out. */
export interface Claimed {
  readonly items: readonly ClaimedItem[];
  /** The one whose input is this text. */
  of(input: string): ClaimedItem;
  /** Inputs as text, in claim order. */
  readonly inputs: readonly string[];
  /** Nodes, in claim order. */
  readonly nodes: readonly string[];
}

export class Actor {
  readonly id: string;
  readonly #backend: BackendOperations;
  readonly #lanes: Pick<Claim, "queues" | "definitions" | "labels">;
  #request = 0;
  #last: CommitAndClaim | undefined;

  constructor(backend: BackendOperations, id: string, definitions: readonly string[]) {
    this.#backend = backend;
    this.id = id;
    this.#lanes = { queues: [DEFAULT_QUEUE], definitions, labels: [] };
  }

  claimRequest(options: Partial<Claim> = {}): Claim {
    return { ...this.#lanes, limit: 100, stalledLimit: 1, maxStalls: 3, graceMs: 0, ...options };
  }

  async claim(options: Partial<Claim> = {}): Promise<Claimed> {
    const { items } = await this.send([], this.claimRequest(options));
    return claimedOf(items);
  }

  /** The one item that there is to claim. */
  async take(options: Partial<Claim> = {}): Promise<ClaimedItem> {
    const { items, nodes } = await this.claim(options);
    equal(items.length, 1, `there is one item to claim, not ${nodes.join(", ")}`);
    return present(items[0], "the claimed item");
  }

  async takesNothing(why: string, options: Partial<Claim> = {}): Promise<void> {
    const { items } = await this.claim(options);
    equal(
      items.map(({ item }) => `${item.node} #${item.item}`),
      [],
      why,
    );
  }

  /** What its claim would find. */
  async peek(options: Partial<Claim> = {}): Promise<Peek> {
    const { peek } = this.#backend;
    return await present(peek?.bind(this.#backend), "peek")(this.claimRequest(options));
  }

  /** Commits under the next request number. */
  async commit(claimed: ClaimedItem, outcome: CommitOutcomeRequest, extras: CommitExtras = {}): Promise<CommitAnswer> {
    const { answers } = await this.send([commitOf(claimed, outcome, extras)]);
    equal(answers.length, 1, "one commit has one answer");
    return present(answers[0], "the answer");
  }

  /** Commits and expects it to be accepted. */
  async did(claimed: ClaimedItem, outcome: CommitOutcomeRequest, extras: CommitExtras = {}): Promise<Committed> {
    const answer = await this.commit(claimed, outcome, extras);
    return ofKind(answer, "committed", `the commit of item ${claimed.item.item} ("${claimed.item.node}")`);
  }

  /** Commits and expects it to be refused with the code. */
  async refused(
    claimed: ClaimedItem,
    outcome: CommitOutcomeRequest,
    code: string,
    extras: CommitExtras = {},
  ): Promise<void> {
    const answer = await this.commit(claimed, outcome, extras);
    equal(ofKind(answer, "refused", `the commit of item ${claimed.item.item}`).code, code, "the code of the refusal");
  }

  send(commits: readonly Commit[], claim?: Claim): Promise<CommitAndClaimAnswer> {
    this.#request += 1;
    this.#last = { session: this.id, request: this.#request, commits, claim };
    return this.#backend.commitAndClaim(this.#last);
  }

  /** The last request once more, or another content under its number. */
  resend(
    changed: Partial<CommitAndClaim> = {},
    through: BackendOperations = this.#backend,
  ): Promise<CommitAndClaimAnswer> {
    return through.commitAndClaim({ ...present(this.#last, "an earlier request"), ...changed });
  }

  renew(options: Omit<Renewal, "session"> = {}): Promise<RenewalAnswer> {
    return this.#backend.renew({ session: this.id, ...options });
  }

  /** What the renewal says about one item that the session believes it holds. */
  async revocation(claimed: ClaimedItem): Promise<string | undefined> {
    const answer = ofKind(await this.renew({ held: [heldOf(claimed)] }), "renewed", "the renewal");
    check(answer.revoked.length <= 1, "at most one item is revoked");
    return answer.revoked[0]?.why;
  }

  signOff(): Promise<void> {
    return this.#backend.closeSession(this.id);
  }
}

function claimedOf(items: readonly ClaimedItem[]): Claimed {
  return {
    items,
    of: (input) =>
      present(
        items.find((claimed) => textOf(claimed.input) === input),
        `a claimed item with the input "${input}"`,
      ),
    inputs: items.map((claimed) => textOf(claimed.input)),
    nodes: items.map((claimed) => claimed.item.node),
  };
}

function heldOf({ item, run }: ClaimedItem): HeldItem {
  return { runId: item.runId, item: item.item, epoch: item.epoch, generation: run.generation };
}

/** A commit of the claimed item, under its epoch and generation, read at the sequence of the claim. */
export function commitOf({ item, run }: ClaimedItem, outcome: CommitOutcomeRequest, extras: CommitExtras = {}): Commit {
  const content = {
    runId: item.runId,
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
    ...extras,
  };
  return { digest: digest(contentText(content)), ...content };
}

/** Any text that is equal for equal contents, whatever a failure's details hold. */
function contentText(content: unknown): string {
  try {
    return JSON.stringify(content, replaceBytes);
  } catch {
    return inspect(content, { depth: 8 });
  }
}

function replaceBytes(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
}
