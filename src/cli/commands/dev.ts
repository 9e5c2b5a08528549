/**
 * `millrace dev`: workers in one process of their own while the project is being changed, started again after every
 * change of its files. A change that does not load is shown and waited out. It never runs the project's code itself, so
 * nothing of an older state can stay behind.
 */

import { dirname, resolve } from "node:path";
import type { Command } from "commander";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { DevSession } from "../dev/dev-session.ts";
import { wholeNumber } from "../input/option-values.ts";
import { findProjectConfig, noWorkflows } from "../input/project-configuration.ts";
import type { Surroundings } from "../surroundings.ts";

interface DevOptions extends CommonOptions {
  readonly workflows?: string | undefined;
  readonly concurrency?: number | undefined;
}

export function devCommand(run: Run): Command {
  return describeCommand({
    name: "dev",
    summary: "Run workers while you develop, again after every change",
    details:
      "Workflows come from millrace.config beside the project's package.json, or from --workflows. Any change of a source file below that folder starts the workers again; a definition may change under its version meanwhile. Ctrl-C ends it.",
    examples: [
      ["dev", "Work on the project's workflows"],
      ["dev --workflows ./orders.ts", "On those of one file"],
    ],
  })
    .option("--workflows <file>", "take workflows from this file instead of millrace.config")
    .option("--concurrency <n>", "items executed at a time (default: 16)", wholeNumber("--concurrency", 1))
    .action(acting(run, (options: DevOptions) => dev(run.around, options)));
}

async function dev(around: Surroundings, options: DevOptions): Promise<void> {
  const { workflows, concurrency, url, namespace, json } = options;
  const file = workflows === undefined ? findProjectConfig(around.directory) : resolve(around.directory, workflows);
  if (file === undefined) throw noWorkflows(around.directory);
  const given = { workflows, concurrency, url, namespace };
  const words = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, String(value)],
  );
  const session = new DevSession(around, {
    folder: dirname(file),
    argv: ["worker", "--supervised", "--drain", "2s", ...words, ...(json === true ? ["--json"] : [])],
    json: json === true,
  });
  const release = around.onSignal(() => session.stop());
  try {
    await session.run();
  } finally {
    release();
  }
}
