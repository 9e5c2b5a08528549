/**
 * What is wrong with a graph as a whole: names that lead nowhere, nodes that nothing leads to. It works on definitions,
 * so that graphs built from data are checked alike. The compiler checks the same where it can; reachability in full is
 * checked only here. Joins have checks of their own in `join-checks.ts`.
 */
import { allTargetsOf, type Definition, emissionTargetsOf, nodeOf } from "./definition.ts";
import { quote, suggestion } from "./problems.ts";

/** All problems of the graph, one sentence each, in a fixed order. */
export function graphProblems(definition: Definition): readonly string[] {
  const problems: string[] = [];
  const names = Object.keys(definition.nodes);
  if (names.length === 0) return ["it has no nodes"];
  const unknown = (name: string) => `there is no node named ${quote(name)}${suggestion(name, names)}`;
  const startKnown = nodeOf(definition, definition.start) !== undefined;
  if (!startKnown) problems.push(`start: ${unknown(definition.start)}`);
  for (const [node, edge] of Object.entries(definition.edges)) {
    for (const target of allTargetsOf(edge)) {
      if (nodeOf(definition, target) === undefined) problems.push(`edge of ${quote(node)}: ${unknown(target)}`);
    }
  }
  if (startKnown) {
    const reached = reachableFrom(successorsOf(definition), [definition.start]);
    for (const name of names) {
      if (!reached.has(name))
        problems.push(`node ${quote(name)} can't be reached from the start ${quote(definition.start)}`);
    }
  }
  return problems;
}

/** Where each node leads, unknown names left out: by what it emits, and by any of its ways. */
export type Successors = ReadonlyMap<string, { readonly emits: readonly string[]; readonly all: readonly string[] }>;

/** The successors of all nodes, computed once for checks that walk the graph many times. */
export function successorsOf(definition: Definition): Successors {
  const known = (targets: readonly string[]) => targets.filter((name) => nodeOf(definition, name) !== undefined);
  return new Map(
    Object.entries(definition.edges).map(([name, edge]) => [
      name,
      { emits: known(emissionTargetsOf(edge)), all: known(allTargetsOf(edge)) },
    ]),
  );
}

/**
 * All nodes that can be reached from some nodes along edges of any kind, these themselves included. Stops early once
 * every node in `until` has been reached.
 */
export function reachableFrom(
  successors: Successors,
  from: readonly string[],
  until?: readonly string[],
): ReadonlySet<string> {
  const reached = new Set(from);
  // A set is walked in the order of insertion, so what is added on the way is visited too.
  for (const name of reached) {
    if (until?.every((wanted) => reached.has(wanted))) break;
    for (const target of successors.get(name)?.all ?? []) reached.add(target);
  }
  return reached;
}

/** The nodes whose edges lead to a node, in the order of the definition; its failure and timeout exits included. */
export function predecessorsOf(definition: Definition, node: string): readonly string[] {
  return Object.entries(definition.edges)
    .filter(([, edge]) => allTargetsOf(edge).includes(node))
    .map(([name]) => name);
}

/** The fan-outs of a graph, each with the joins that name it; both sorted. Only these nodes open branch groups. */
export function fanOuts(definition: Definition): ReadonlyMap<string, readonly string[]> {
  const joins = new Map<string, string[]>();
  for (const name of Object.keys(definition.nodes).sort()) {
    const of = nodeOf(definition, name)?.of;
    if (of === undefined || nodeOf(definition, of) === undefined) continue;
    const known = joins.get(of);
    if (known === undefined) joins.set(of, [name]);
    else known.push(name);
  }
  return new Map([...joins].sort(([a], [b]) => (a < b ? -1 : 1)));
}
