/**
 * A definition in the DOT language of Graphviz. Deterministic, and safe for any name: every text is a quoted string in
 * which nothing but letters is left to interpretation.
 */

import { LIMITS } from "../core/limits.ts";
import { cleanText } from "../core/text.ts";
import type { Definition } from "./definition.ts";
import { type DrawnArrow, type DrawnNode, draw } from "./drawing.ts";

/** The graph in DOT: boxes for nodes, trapezia for fan-outs and joins, hexagons for waits, dashed arrows for failures and timeouts. */
export function toDot(definition: Definition): string {
  const { title, nodes, arrows } = draw(definition);
  const start = nodes.find(({ isStart }) => isStart);
  const ends = arrows.some(({ to }) => to === undefined);
  return [
    `digraph ${quoted(title)} {`,
    "  rankdir=LR;",
    '  node [shape=box, style=rounded, fontname="sans-serif"];',
    '  edge [fontname="sans-serif", fontsize=10];',
    '  start [shape=circle, style=filled, fillcolor=black, label="", width=0.15];',
    ...(ends ? ['  end [shape=doublecircle, style=filled, fillcolor=black, label="", width=0.1];'] : []),
    ...nodes.map(nodeLine),
    ...(start === undefined ? [] : [`  start -> ${start.id};`]),
    ...arrows.map(arrowLine),
    "}",
    "",
  ].join("\n");
}

function nodeLine({ id, name, note, shape }: DrawnNode): string {
  const outline = { node: "", fanOut: ", shape=trapezium", join: ", shape=invtrapezium", wait: ", shape=hexagon" }[
    shape
  ];
  return `  ${id} [label=${quoted(note === undefined ? name : `${name}\n${note}`)}${outline}];`;
}

function arrowLine({ from, to, label, kind }: DrawnArrow): string {
  const attributes = [
    ...(label === "" ? [] : [`label=${quoted(label)}`]),
    ...(kind === "emission" ? [] : ["style=dashed", `color=${kind === "failure" ? "red" : "orange"}`]),
  ];
  return `  ${from} -> ${to ?? "end"}${attributes.length === 0 ? "" : ` [${attributes.join(", ")}]`};`;
}

function quoted(text: string): string {
  const escaped = cleanText(text, LIMITS.errorTextBytes).replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  // An entity such as &amp; would be expanded; a real line break would do no harm, but \n keeps a statement on one line.
  return `"${escaped.replaceAll("&", "&amp;").replaceAll("\n", "\\n")}"`;
}
