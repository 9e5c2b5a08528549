/**
 * The workflows whose code is at hand in this process, and their publication. Code is needed to check an input, to give
 * initial values their meaning and to fold a context; everything else an orchestrator does without. Invariant: a
 * definition is published before the first run that refers to it.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import { canonicalJson } from "../core/digest.ts";
import { MillraceError } from "../core/errors.ts";
import { withChildren } from "../definition/child-workflows.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import type { PublishedDefinition } from "../stores/published-definitions.ts";

/** Workflows by name and by hash. */
export interface KnownWorkflows {
  /** Remembers a workflow's code. Throws `VERSION_CONFLICT` if the same name and version is known with another hash. */
  add(workflow: Workflow): void;
  /** Code for runs of the definition: the workflow itself, or one that is `compatible` with it. */
  byHash(hash: string): Workflow | undefined;
  /** The one added last under the name. */
  byName(name: string): Workflow | undefined;
  /** Publishes the definition, once. Throws `VERSION_CONFLICT` if the store has it with another hash. */
  publish(workflow: Workflow): Promise<PublishedDefinition>;
}

/** An empty collection, or one of these workflows. */
export function knownWorkflows(operations: BackendOperations, workflows: readonly Workflow[] = []): KnownWorkflows {
  const byHash = new Map<string, Workflow>();
  const byName = new Map<string, Workflow>();
  const byLabel = new Map<string, string>();
  const publications = new Map<string, Promise<PublishedDefinition>>();

  const add = (workflow: Workflow): void => {
    const label = `${workflow.name}@${workflow.version}`;
    const known = byLabel.get(label);
    if (known !== undefined && known !== workflow.hash) throw versionConflict(label);
    byLabel.set(label, workflow.hash);
    byHash.set(workflow.hash, workflow);
    byName.set(workflow.name, workflow);
    for (const hash of workflow.compatible) if (!byHash.has(hash)) byHash.set(hash, workflow);
  };
  for (const workflow of withChildren(workflows)) add(workflow);

  return {
    add,
    byHash: (hash) => byHash.get(hash),
    byName: (name) => byName.get(name),
    publish(workflow) {
      const known = publications.get(workflow.hash);
      if (known !== undefined) return known;
      const publication = publish(operations, workflow);
      publications.set(workflow.hash, publication);
      // A publication that failed is tried again by the next start.
      publication.catch(() => publications.delete(workflow.hash));
      return publication;
    },
  };
}

async function publish(operations: BackendOperations, workflow: Workflow): Promise<PublishedDefinition> {
  const { hash, name, version, definition } = workflow;
  const record = { hash, name, version, json: canonicalJson(definition) };
  const [outcome] = await operations.publish([record], { replace: false });
  if (outcome?.kind === "conflict") throw versionConflict(`${name}@${version}`);
  return { hash, definition };
}

function versionConflict(label: string): MillraceError {
  return new MillraceError("VERSION_CONFLICT", `${label} exists with another definition`, {
    hints: ["Give the changed workflow a new version; runs of the old one go on with the old definition."],
  });
}
