/**
 * A store with a run that completed, one that failed and one that is open, in a folder of its own, and the commands run
 * on it inside the test. What its workflow says and returns is hostile: control characters and secrets.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Backend,
  connect,
  DistributedOrchestrator,
  DistributedWorker,
  next,
  node,
  unchecked,
  workflow,
} from "../../src/index.ts";
import { type CommandOutcome, type FakeOptions, runCommand } from "./cli-surroundings.ts";

interface Order {
  readonly amount: number;
  readonly password?: string;
}

const check = node({ input: unchecked<Order>(), run: ({ input }) => next(input) });
const charge = node({
  input: unchecked<Order>(),
  retry: { maxAttempts: 2, initialBackoff: 0 },
  run({ input }) {
    if (input.amount < 0) throw new Error("bad \u001b]0;owned\u0007\u001b[31mred\u202e password=hunter2");
    return next({ charged: input.amount, token: "t0ps3cret", note: "\u009b31m" });
  },
});

/** Fails for a negative amount. */
export const orders = workflow({
  name: "orders",
  version: "1.0.0",
  nodes: { check, charge },
  start: "check",
  edges: { check: "charge", charge: [] },
});

/** The runs of a scene. */
export const ids = { good: "run-good-0001", bad: "run-bad-0002", open: "run-open-0003" } as const;

export class CliScene {
  readonly directory: string;
  readonly backend: Backend;
  readonly orchestrator: DistributedOrchestrator;
  readonly #worker: DistributedWorker;

  private constructor(directory: string, backend: Backend) {
    this.directory = directory;
    this.backend = backend;
    this.orchestrator = new DistributedOrchestrator({ backend, workflows: [orders] });
    this.#worker = new DistributedWorker({ backend, workflows: [orders], workerId: "w1" });
  }

  static async open(): Promise<CliScene> {
    const directory = mkdtempSync(join(tmpdir(), "millrace-cli-"));
    const backend = await connect(`sqlite:${join(directory, ".millrace", "millrace.db")}`);
    const scene = new CliScene(directory, backend);
    await scene.start(ids.good, 5);
    await scene.start(ids.bad, -5);
    await scene.settle();
    await scene.start(ids.open, 7);
    return scene;
  }

  async start(id: string, amount: number): Promise<string> {
    const options = { id, tags: { customer: id }, idempotencyKey: `key-${id}` };
    return (await this.orchestrator.startRun(orders, { amount, password: "pw" }, options)).id;
  }

  /** Executes what is ready, until nothing is. */
  async settle(): Promise<void> {
    while ((await this.#worker.runOnce()).kind !== "idle");
  }

  run(argv: readonly string[], options: Partial<FakeOptions> = {}): Promise<CommandOutcome> {
    return runCommand(argv, { directory: this.directory, ...options });
  }

  /** What a command says with `--json`; it must succeed, and say nothing on stderr. */
  async json(...argv: readonly string[]): Promise<Record<string, unknown>> {
    const { code, out, err } = await this.run([...argv, "--json"]);
    if (code !== 0 || err !== "") throw new Error(`millrace ${argv.join(" ")} ended with ${code}: ${err}`);
    return JSON.parse(out);
  }

  async close(): Promise<void> {
    await this.#worker.stop();
    await this.backend.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
