/**
 * A definition as a Mermaid flowchart. Deterministic, and safe for any name: identifiers are numbers, and of a text
 * everything that is no plain letter, digit or harmless sign is written as a character code, so that it can be neither
 * markup nor syntax.
 */
import { LIMITS } from "../core/limits.ts";
import { cleanText } from "../core/text.ts";
import type { Definition } from "./definition.ts";
import { type DrawnArrow, type DrawnNode, draw } from "./drawing.ts";

/** The graph as a Mermaid flowchart: boxes for nodes, trapezia for fan-outs and joins, hexagons for waits, dotted arrows for failures. */
export function toMermaid(definition: Definition): string {
  const { nodes, arrows } = draw(definition);
  const start = nodes.find(({ isStart }) => isStart);
  const ends = arrows.some(({ to }) => to === undefined);
  return [
    "flowchart LR",
    "  start(( ))",
    ...(ends ? ["  done((( )))"] : []),
    ...nodes.map(nodeLine),
    ...(start === undefined ? [] : [`  start --> ${start.id}`]),
    ...arrows.map(arrowLine),
    "",
  ].join("\n");
}

function nodeLine({ id, name, note, shape }: DrawnNode): string {
  const label = escaped(note === undefined ? name : `${name}\n${note}`);
  switch (shape) {
    case "node":
      return `  ${id}["${label}"]`;
    case "fanOut":
      return `  ${id}[/"${label}"\\]`;
    case "wait":
      return `  ${id}{{"${label}"}}`;
    case "join":
      return `  ${id}[\\"${label}"/]`;
  }
}

function arrowLine({ from, to, label, kind }: DrawnArrow): string {
  const arrow = kind === "emission" ? "-->" : "-.->";
  return `  ${from} ${arrow}${label === "" ? "" : `|"${escaped(label)}"|`} ${to ?? "done"}`;
}

/**
 * Letters and digits of every script stay; `#`, a character code and `;` stand for whatever Mermaid might take for more:
 * quotes, markup, and at the start of a text the marks of a list.
 */
function escaped(text: string): string {
  const coded = /[^\p{L}\p{M}\p{N} ._,\-:()[\]*+=/]|[.\-*+=)](?= )/gu;
  return cleanText(text, LIMITS.errorTextBytes).replaceAll(coded, (character) =>
    character === "\n" ? "<br/>" : `#${character.codePointAt(0)};`,
  );
}
