/**
 * Whether code with a newer definition can go on with the runs of an older one. Such runs keep their own edges; what
 * they need of the newer code are the nodes, the guards and the context fields. Pure; it compares definitions and knows
 * no runs.
 */
import {
  type Definition,
  type DefinitionEdge,
  type DefinitionNode,
  type Destination,
  edgeOf,
  nodeOf,
} from "./definition.ts";
import { predecessorsOf } from "./graph-checks.ts";
import { quote } from "./problems.ts";

/** What of an older definition's runs the newer code would strand, one sentence each; none if it can take them over. */
export function strandedBy(newer: Definition, older: Definition): readonly string[] {
  const problems: string[] = [];
  if (older.name !== newer.name) problems.push(`it is the workflow ${quote(older.name)}, not ${quote(newer.name)}`);
  if (older.context.hash !== newer.context.hash) problems.push("its context has other fields");
  for (const [name, node] of Object.entries(older.nodes)) {
    const now = nodeOf(newer, name);
    if (now === undefined) problems.push(`its node ${quote(name)} is gone`);
    else if (now.kind !== node.kind) problems.push(`its node ${quote(name)} was a ${node.kind} and is a ${now.kind}`);
    else if (waitsFor(now) !== waitsFor(node))
      problems.push(`its node ${quote(name)} waited for ${waitsFor(node)} and waits for ${waitsFor(now)}`);
    else {
      if (now.serializable && !node.serializable) problems.push(`its node ${quote(name)} was not serializable`);
      if (now.kind === "joinByName") problems.push(...lostInputs(newer, older, name));
      problems.push(...lostGuards(name, edgeOf(newer, name), edgeOf(older, name)));
    }
  }
  return problems;
}

/** What the answers of its waits are. */
function waitsFor({ wait }: DefinitionNode): string {
  if (wait === undefined) return "nothing";
  const { kind, event, tool, workflow } = wait;
  const what = event ?? tool ?? workflow;
  return what === undefined ? kind : `${kind} ${quote(what)}`;
}

function lostInputs(newer: Definition, older: Definition, join: string): readonly string[] {
  const now = predecessorsOf(newer, join);
  return predecessorsOf(older, join)
    .filter((node) => !now.includes(node))
    .map((node) => `its join ${quote(join)} has no input ${quote(node)} any more`);
}

function lostGuards(
  node: string,
  newer: DefinitionEdge | undefined,
  older: DefinitionEdge | undefined,
): readonly string[] {
  const now = new Set(guardsOf(newer));
  return guardsOf(older)
    .filter((guard) => !now.has(guard))
    .map((guard) => `the guard ${guard} of its node ${quote(node)} is gone`);
}

/** Each guard of an edge with the slot it stands in: guards are found by both. */
function guardsOf(edge: DefinitionEdge | undefined): readonly string[] {
  const inSlot = (slot: string, choices: Destination) =>
    choices.flatMap(({ when }) => (when === undefined ? [] : [`${quote(when)} in ${slot}`]));
  return [
    ...(edge?.to === undefined ? [] : inSlot("to", edge.to)),
    ...Object.entries(edge?.route ?? {}).flatMap(([kind, choices]) => inSlot(`route ${quote(kind)}`, choices)),
  ];
}
