/**
 * The definitions that a worker has code for: its own workflows' and the older ones that they take over. The latter are
 * known by hash alone; they are read from the store when the worker begins, or, where one is published only later, when
 * the first of its items is claimed. Refuses an older definition whose runs the code could not go on with.
 */

import type { DefinitionRecord } from "../backend/contract/records.ts";
import { canonicalJson } from "../core/digest.ts";
import { MillraceError } from "../core/errors.ts";
import type { ResolvedRetryPolicy } from "../core/retry.ts";
import { strandedBy } from "../definition/compatibility.ts";
import type { Definition } from "../definition/definition.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import { createProgram, type Program } from "../execution/program.ts";

type ReadDefinition = (hash: string) => Promise<DefinitionRecord | undefined>;

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

  /** All queues that the nodes name, those of the older definitions that were read included. */
  get queues(): readonly string[] {
    const queues = [...this.#programs.values()].flatMap(({ definition }) =>
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

  /** Reads the older definitions that the store has. Rejects with `INVALID_WORKFLOW` for one that the code would strand. */
  async loadOlder(read: ReadDefinition): Promise<void> {
    for (const [hash, workflow] of this.#codes) {
      if (this.#programs.has(hash)) continue;
      const record = await read(hash);
      if (record !== undefined) this.#add(workflow, record);
    }
  }

  /** The program of an older definition. Rejects with `UNKNOWN_WORKFLOW` where there is no code for it, and as `loadOlder`. */
  async load(hash: string, read: ReadDefinition): Promise<Program> {
    const workflow = this.#codes.get(hash);
    const record = workflow === undefined ? undefined : await read(hash);
    if (workflow === undefined || record === undefined) {
      throw new MillraceError("UNKNOWN_WORKFLOW", `this worker has no code for the definition ${hash}`);
    }
    return this.#add(workflow, record);
  }

  #add(workflow: Workflow, { hash, json, name, version }: DefinitionRecord): Program {
    // Stored by `publish` as canonical JSON of a checked definition, under its own hash.
    const definition: Definition = JSON.parse(json);
    const problems = strandedBy(workflow.definition, definition);
    if (problems.length > 0) throw stranded(`${name}@${version}`, workflow, problems);
    const program = createProgram(hash, definition, workflow["~runtime"], this.#retry);
    this.#programs.set(hash, program);
    return program;
  }
}

/** As when the older workflow is named itself; a hash alone can be checked only once its definition is there. */
function stranded(older: string, { name, version }: Workflow, problems: readonly string[]): MillraceError {
  const list = problems.map((problem) => `- ${problem}`).join("\n");
  return new MillraceError("INVALID_WORKFLOW", `${name}@${version} is not compatible with ${older}:\n${list}`, {
    details: { problems },
  });
}
