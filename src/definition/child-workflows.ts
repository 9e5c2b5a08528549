/** The workflows that runs of other workflows start: whoever executes those has the code of these, too. */
import { isWorkflow, type Workflow } from "./workflow-building.ts";

/** These workflows and all whose runs they start, directly or not; each definition once, these first. */
export function withChildren(workflows: readonly Workflow[]): readonly Workflow[] {
  const all = new Map(workflows.map((workflow) => [workflow.hash, workflow]));
  // A map is walked in the order of insertion, so what is added on the way is visited too.
  for (const workflow of all.values()) {
    for (const child of childrenOf(workflow)) if (!all.has(child.hash)) all.set(child.hash, child);
  }
  return [...all.values()];
}

function childrenOf({ "~runtime": { nodes } }: Workflow): readonly Workflow[] {
  return [...nodes.values()].flatMap((node) => {
    const child = node.kind === "node" ? node.wait?.child?.workflow : undefined;
    return isWorkflow(child) ? [child] : [];
  });
}
