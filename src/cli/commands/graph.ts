/**
 * `millrace graph`: a workflow as a drawing: DOT, Mermaid, or SVG. It draws what was published, and runs code only from
 * a file that was named. SVG is laid out by Graphviz, in the optional package `@viz-js/viz`.
 */

import { type Command, Option } from "commander";
import { type Definition, MillraceError, toDot, toMermaid } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { usage } from "../input/option-values.ts";
import { loadWorkflowsFile } from "../input/project-configuration.ts";
import { jsonLine } from "../output/json-output.ts";
import { findDefinition } from "../published-definition.ts";
import { onExistingStore } from "../store.ts";

const FORMATS = ["dot", "mermaid", "svg"] as const;

interface GraphOptions extends CommonOptions {
  readonly format: (typeof FORMATS)[number];
  readonly workflows?: string | undefined;
}

interface Found {
  readonly hash: string;
  readonly definition: Definition;
}

export function graphCommand(run: Run): Command {
  return describeCommand({
    name: "graph",
    summary: "Draw a workflow as DOT, Mermaid or SVG",
    details:
      "NAME is a published workflow, or NAME@VERSION; with --workflows one that the file exports. SVG needs the package @viz-js/viz beside millrace.",
    examples: [
      ["graph orders --format svg > orders.svg", "A picture of what was published last"],
      ["graph orders --workflows ./millrace.config.ts --format mermaid", "What the code says, for a document"],
    ],
  })
    .argument("[name]", "name of the workflow, or name@version; may be left out with a file of one workflow")
    .addOption(new Option("--format <format>", "how it is drawn").choices(FORMATS).default("dot"))
    .option("--workflows <file>", "take the workflow from this file, which may be a millrace.config")
    .action(acting(run, (name: string | undefined, options: GraphOptions) => graph(run, name, options)));
}

async function graph({ around }: Run, typed: string | undefined, options: GraphOptions): Promise<void> {
  const [name, version] = typed === undefined ? [] : nameAndVersion(typed);
  const { format } = options;
  const { hash, definition } =
    options.workflows === undefined
      ? await onExistingStore(options, around, (backend) => {
          if (name === undefined) throw usage("no workflow is named");
          return findDefinition(backend, name, version);
        })
      : await findInFile(options.workflows, around.directory, name, version);
  const text = await drawn(definition, format);
  if (options.json === true) {
    around.out.line(
      jsonLine({ workflow: definition.name, version: definition.version, definition: hash, format, graph: text }),
    );
  } else around.out.line(text.trimEnd());
}

async function findInFile(
  file: string,
  directory: string,
  name: string | undefined,
  version: string | undefined,
): Promise<Found> {
  const { workflows } = (await loadWorkflowsFile(file, directory)).config;
  const fitting = workflows.filter(
    (one) => (name ?? one.name) === one.name && (version ?? one.version) === one.version,
  );
  const found = fitting.at(-1);
  const names = [...new Set(workflows.map((one) => one.name))].join(", ");
  if (found === undefined) {
    throw new MillraceError("UNKNOWN_WORKFLOW", `${file} exports no such workflow`, { hints: [`It has: ${names}.`] });
  }
  if (name === undefined && fitting.length > 1) throw usage(`${file} has several workflows`, `Name one of: ${names}.`);
  return found;
}

async function drawn(definition: Definition, format: GraphOptions["format"]): Promise<string> {
  switch (format) {
    case "dot":
      return toDot(definition);
    case "mermaid":
      return toMermaid(definition);
    case "svg": {
      const { instance } = await graphviz();
      return (await instance()).renderString(toDot(definition), { format: "svg" });
    }
  }
}

async function graphviz() {
  try {
    return await import("@viz-js/viz");
  } catch (cause) {
    throw new MillraceError("MISSING_DEPENDENCY", "SVG needs the package @viz-js/viz, which is not installed", {
      cause,
      hints: ["npm install --save-dev @viz-js/viz", "Or draw it elsewhere: --format mermaid, or --format dot."],
    });
  }
}

function nameAndVersion(text: string): readonly [name: string, version: string | undefined] {
  const at = text.indexOf("@");
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
