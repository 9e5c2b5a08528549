/**
 * The definitions that a worker has code for: its own workflows' and the older ones that they take over. The latter are
 * known by hash alone; they are read from the store when the first of their items is claimed, and kept.
 */

import type { DefinitionRecord } from "../backend/contract/records.ts";
import { canonicalJson } from "../core/digest.ts";
import { MillraceError } from "../core/errors.ts";
import type { ResolvedRetryPolicy } from "../core/retry.ts";
import type { Definition } from "../definition/definition.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import { createProgram, type Program } from "../execution/program.ts";

export class Programs {
  /** Every hash that is taken on, and the code for it. */
  readonly #codes = new Map<string, Workflow>();
  readonly #programs = new Map<string, Program>();
  readonly #retry: ResolvedRetryPolicy;
  readonly #workflows: readonly Workflow[];

  constructor(workflows: readonly Workflow[], retry: ResolvedRetryPolicy) {
    this.#workflows = workflows;
    this.#retry = retry;
    for (const workflow of workflows) {
      for (const older of workflow.compatible) this.#codes.set(older, workflow);
    }
    // A workflow's own code goes before that of a newer one that would take its runs over.
    for (const workflow of workflows) {
      const { hash, definition } = workflow;
      this.#codes.set(hash, workflow);
      this.#programs.set(hash, createProgram(hash, definition, workflow["~runtime"], retry));
    }
  }

  /** What to claim. */
  get hashes(): readonly string[] {
    return [...this.#codes.keys()].sort();
  }

  /** All queues that the nodes of its own workflows name. */
  get queues(): readonly string[] {
    const queues = this.#workflows.flatMap(({ definition }) =>
      Object.values(definition.nodes).map(({ queue }) => queue),
    );
    return [...new Set(queues)].sort();
  }

  /** What to publish. */
  get records(): readonly Omit<DefinitionRecord, "publishedAt">[] {
    return this.#workflows.map(({ hash, name, version, definition }) => ({
      hash,
      name,
      version,
      json: canonicalJson(definition),
    }));
  }

  known(hash: string): Program | undefined {
    return this.#programs.get(hash);
  }

  /** The program of an older definition. Rejects with `UNKNOWN_WORKFLOW` where there is no code for it. */
  async load(hash: string, read: (hash: string) => Promise<DefinitionRecord | undefined>): Promise<Program> {
    const workflow = this.#codes.get(hash);
    const record = workflow === undefined ? undefined : await read(hash);
    if (workflow === undefined || record === undefined) {
      throw new MillraceError("UNKNOWN_WORKFLOW", `this worker has no code for the definition ${hash}`);
    }
    // Stored by `publish` as canonical JSON of a checked definition, under its own hash.
    const definition: Definition = JSON.parse(record.json);
    const program = createProgram(hash, definition, workflow["~runtime"], this.#retry);
    this.#programs.set(hash, program);
    return program;
  }
}
