/**
 * What a case acts on: one backend handle with a published definition, and short ways to start runs, open sessions and
 * look at rows. It asserts only what a case takes for granted. Invariant: everything it opened is closed by `close`.
 */

import type { NewItem } from "../../backend/contract/commit.ts";
import type { ControlAction, ControlOutcome } from "../../backend/contract/control.ts";
import type { BackendOperations } from "../../backend/contract/operations.ts";
import type { DefinitionRecord } from "../../backend/contract/records.ts";
import type { Page, PageRequest, RunRecord, RunState, StartOutcome, StartRun } from "../../backend/contract/run.ts";
import type { NewSession } from "../../backend/contract/session.ts";
import type { WorkItem } from "../../backend/contract/work-item.ts";
import { digest } from "../../core/digest.ts";
import { seededIds, seededRandom } from "../../core/ports.ts";
import { Actor } from "./actor.ts";
import { equal, ofKind, present } from "./expectation.ts";
import type { ConformanceClock, ConformanceHarness } from "./harness.ts";
import { bytes, newItem } from "./parts.ts";

export const LEASE_MS = 30_000;

export type StartOptions = Partial<Omit<StartRun, "first">> & { readonly first?: Partial<NewItem> | undefined };

export class Stage {
  readonly harness: ConformanceHarness;
  readonly clock: ConformanceClock;
  readonly backend: BackendOperations;
  readonly #opened: BackendOperations[] = [];
  #sessions = 0;
  readonly #ids = seededIds(seededRandom(7));

  constructor(harness: ConformanceHarness, backend: BackendOperations) {
    this.harness = harness;
    this.clock = harness.clock;
    this.backend = backend;
    this.#opened.push(backend);
  }

  /** Hash of the definition that runs and claims of this stage are about. */
  get definition(): string {
    return ORDERS.hash;
  }

  async publish(...definitions: readonly Omit<DefinitionRecord, "publishedAt">[]): Promise<void> {
    const outcomes = await this.backend.publish(definitions, { replace: false });
    equal(
      outcomes,
      definitions.map(() => ({ kind: "published" })),
      "the definitions are published",
    );
  }

  startRequest({ first, ...options }: StartOptions = {}): StartRun {
    const { hash, name, version } = ORDERS;
    const input = options.input ?? bytes("input");
    return {
      id: this.newRunId(),
      workflow: name,
      version,
      definition: hash,
      input,
      inputDigest: digest(input),
      onConflict: "return",
      first: newItem("first", { input, ...first }),
      completion: "single",
      maxItems: 1_000,
      priority: 0,
      tags: {},
      ...options,
    };
  }

  newRunId(): string {
    return this.#ids.runId(this.clock.now());
  }

  async tryStart(options: StartOptions = {}): Promise<StartOutcome> {
    const outcomes = await this.backend.startRuns([this.startRequest(options)]);
    equal(outcomes.length, 1, "one start has one outcome");
    return present(outcomes[0], "the outcome");
  }

  /** Starts a run and gives its id. */
  async start(options: StartOptions = {}): Promise<string> {
    return ofKind(await this.tryStart(options), "started", "the start").run.id;
  }

  sessionRequest(options: Partial<NewSession> = {}): NewSession {
    this.#sessions += 1;
    const id = `session-${this.#sessions}`;
    const { hash } = ORDERS;
    return {
      id,
      workerId: `worker-of-${id}`,
      leaseMs: LEASE_MS,
      queues: ["default"],
      labels: [],
      definitions: [hash],
      host: "host",
      pid: 1,
      ...options,
    };
  }

  async session(options: Partial<NewSession> = {}, backend = this.backend): Promise<Actor> {
    const record = await backend.openSession(this.sessionRequest(options));
    return new Actor(backend, record.id, record.definitions);
  }

  async control(action: ControlAction, actor?: string): Promise<ControlOutcome> {
    const outcomes = await this.backend.control([{ action, actor }]);
    equal(outcomes.length, 1, "one action has one outcome");
    return present(outcomes[0], "the outcome");
  }

  /** Applies an action and expects it to be done. */
  async does(action: ControlAction): Promise<Extract<ControlOutcome, { kind: "done" }>> {
    return ofKind(await this.control(action), "done", `the action "${action.kind}"`);
  }

  /** Applies an action and expects it to be refused with the code. */
  async refuses(action: ControlAction, code: string): Promise<void> {
    const refusal = ofKind(await this.control(action), "refused", `the action "${action.kind}"`);
    equal(refusal.code, code, `the code that refuses "${action.kind}"`);
  }

  async run(runId: string): Promise<RunRecord> {
    return present(await this.backend.read.run(runId), `run ${runId}`);
  }

  async state(runId: string): Promise<RunState> {
    return present(await this.backend.read.runState(runId), `run ${runId}`);
  }

  async item(runId: string, item: number): Promise<WorkItem> {
    return present(await this.backend.read.item(runId, item), `item ${runId}.${item}`);
  }

  /** Another namespace of the same store. */
  async world(namespace: string): Promise<Stage> {
    const backend = await this.harness.open({ namespace });
    this.#opened.push(backend);
    const stage = new Stage(this.harness, backend);
    await stage.publish(ORDERS);
    return stage;
  }

  /** A second handle on the data of this stage. */
  async reopen(): Promise<BackendOperations> {
    const reopen = present(this.harness.reopen, "a second handle of the harness");
    const backend = await reopen({ namespace: this.backend.namespace });
    this.#opened.push(backend);
    return backend;
  }

  async close(): Promise<void> {
    for (const backend of this.#opened.toReversed()) await backend.close();
  }
}

export async function openStage(harness: ConformanceHarness): Promise<Stage> {
  const stage = new Stage(harness, await harness.open());
  await stage.publish(ORDERS);
  return stage;
}

/** A definition under a name and version; backends never look inside its JSON. */
export function definitionOf(name: string, version = "1.0.0", detail = ""): Omit<DefinitionRecord, "publishedAt"> {
  const json = JSON.stringify({ detail, format: 1, name, version });
  return { hash: digest(json), name, version, json };
}

export const ORDERS = definitionOf("orders");

/** Everything of a list, page by page. */
export async function allPages<T>(read: (page: PageRequest) => Promise<Page<T>>, limit = 100): Promise<readonly T[]> {
  const entries: T[] = [];
  let cursor: string | undefined;
  do {
    const page: Page<T> = await read({ limit, cursor });
    entries.push(...page.entries);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return entries;
}
