/**
 * A definition as a drawing: what stands in it and what is written there, before it is put into a language. Both
 * languages draw the same, in the same order: nodes by name, and of each node its ways in the order plain, by kind (the
 * wildcard last), failure, timeout.
 */

import { formatDuration } from "../core/duration.ts";
import type { Definition, DefinitionEdge, Destination } from "./definition.ts";
import { fanOuts } from "./graph-checks.ts";
import type { DefinitionWait } from "./waits/wait-runtime.ts";

/** A node of the drawing. */
export interface DrawnNode {
  /** An identifier in any language. */
  readonly id: string;
  readonly name: string;
  /** Second line of the label, if any. */
  readonly note?: string;
  readonly shape: "node" | "fanOut" | "join" | "wait";
  readonly isStart: boolean;
}

/** An arrow of the drawing; without `to` it leads out of the graph, into the run's output. */
export interface DrawnArrow {
  readonly from: string;
  readonly to?: string;
  readonly label: string;
  readonly kind: "emission" | "failure" | "timeout";
}

/** A whole drawing. */
export interface Drawing {
  readonly title: string;
  readonly nodes: readonly DrawnNode[];
  readonly arrows: readonly DrawnArrow[];
}

/** Draws a definition. Deterministic. */
export function draw(definition: Definition): Drawing {
  const names = Object.keys(definition.nodes).sort();
  const ids = new Map(names.map((name, index) => [name, `n${index}`]));
  const groups = fanOuts(definition);
  const nodes = names.map((name): DrawnNode => {
    const node = definition.nodes[name];
    const plain = node?.wait === undefined ? "node" : "wait";
    const shape = node?.of !== undefined ? "join" : groups.has(name) ? "fanOut" : plain;
    const note = [
      node?.of === undefined ? "" : `join of ${node.of}`,
      node?.wait === undefined ? "" : waitNote(node.wait),
      node?.description ?? "",
    ].filter((part) => part !== "");
    return {
      id: ids.get(name) ?? name,
      name,
      shape,
      isStart: name === definition.start,
      ...(note.length === 0 ? {} : { note: note.join("\n") }),
    };
  });
  const arrows = names.flatMap((name) => {
    const edge = Object.hasOwn(definition.edges, name) ? definition.edges[name] : undefined;
    return edge === undefined ? [] : arrowsOf(ids, name, edge);
  });
  return { title: `${definition.name} ${definition.version}`, nodes, arrows };
}

/** `event order.paid within 3d`. */
function waitNote({ kind, event, tool, workflow, deadlineMs }: DefinitionWait): string {
  const within = deadlineMs === undefined ? "" : ` within ${formatDuration(deadlineMs)}`;
  const what = event ?? tool ?? workflow;
  return `${kind}${what === undefined ? "" : ` ${what}`}${within}`;
}

function arrowsOf(ids: ReadonlyMap<string, string>, name: string, edge: DefinitionEdge): readonly DrawnArrow[] {
  const from = ids.get(name) ?? name;
  const target = (to: string) => {
    const id = ids.get(to);
    return id === undefined ? {} : { to: id };
  };
  const emissions = (destination: Destination, kind: string): DrawnArrow[] =>
    destination.flatMap(({ when, to }) => {
      const guard = when ?? (destination.length > 1 ? "else" : "");
      const label = [kind, guard === "" ? "" : `[${guard}]`].filter((part) => part !== "").join(" ");
      if (to.length === 0) return [{ from, label, kind: "emission" as const }];
      return to.map((one) => ({ from, ...target(one), label, kind: "emission" as const }));
    });
  const exits = (targets: readonly string[] | undefined, kind: "failure" | "timeout"): DrawnArrow[] =>
    (targets ?? []).map((one) => ({ from, ...target(one), label: kind, kind }));
  const kinds = Object.entries(edge.route ?? {}).sort(([a], [b]) => byKind(a, b));
  return [
    ...(edge.to === undefined ? [] : emissions(edge.to, "")),
    ...kinds.flatMap(([kind, destination]) => emissions(destination, kind)),
    ...exits(edge.onFailure, "failure"),
    ...exits(edge.onTimeout, "timeout"),
  ];
}

function byKind(a: string, b: string): number {
  if (a === b) return 0;
  if (a === "*" || b === "*") return a === "*" ? 1 : -1;
  return a < b ? -1 : 1;
}
