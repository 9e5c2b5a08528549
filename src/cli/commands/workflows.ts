/** `millrace workflows`: the definitions that have been published, and which live workers have them. It only looks. */

import type { Command } from "commander";
import { DistributedOrchestrator } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { rowsDocument } from "../output/json-output.ts";
import { instant, relative } from "../output/moments.ts";
import { type Column, tableWriter } from "../output/table.ts";
import { readDefinition } from "../published-definition.ts";
import { onExistingStore } from "../store.ts";

interface PublishedRow {
  readonly name: string;
  readonly version: string;
  readonly hash: string;
  readonly publishedAt: number;
  readonly nodes: number;
  /** Ids of the workers that are alive and have it. */
  readonly workers: readonly string[];
}

const HASH_CHARACTERS = 12;

export function workflowsCommand(run: Run): Command {
  return describeCommand({
    name: "workflows",
    summary: "List published workflows, their versions, and live workers of each",
    details: 'With --json: one document {"workflows":[…]}.',
    examples: [
      ["workflows", "What can be started here, and whether somebody works on it"],
      ["workflows --json", "The same for a program"],
    ],
  }).action(acting(run, (options: CommonOptions) => workflows(run, options)));
}

async function workflows({ around }: Run, options: CommonOptions): Promise<void> {
  await onExistingStore(options, around, async (backend) => {
    const orchestrator = new DistributedOrchestrator({ backend });
    const [records, health, now] = await Promise.all([
      backend.operations.read.definitions(),
      orchestrator.listWorkerHealth(),
      backend.operations.now(),
    ]);
    const live = health.filter(({ status, liveness }) => status !== "stopped" && liveness !== "dead");
    const rows = records.map((record): PublishedRow => {
      const { name, version, hash, publishedAt } = record;
      const workers = live
        .filter((one) => one.workflows.includes(`${name}@${version}`))
        .map(({ workerId }) => workerId);
      return { name, version, hash, publishedAt, nodes: Object.keys(readDefinition(record).nodes).length, workers };
    });
    if (options.json === true) {
      const document = rowsDocument(around.out, "workflows");
      for (const row of rows) document.row({ ...row, publishedAt: instant(row.publishedAt) });
      document.end();
      return;
    }
    tableWriter(around.out, columns(now)).write(rows);
    if (rows.length === 0) around.out.line("No workflows. Workers publish theirs: millrace worker");
  });
}

function columns(now: number): readonly Column<PublishedRow>[] {
  return [
    { title: "WORKFLOW", value: ({ name }) => name, shrinkTo: 12 },
    { title: "VERSION", value: ({ version }) => version, shrinkTo: 8 },
    { title: "NODES", value: ({ nodes }) => nodes, align: "right" },
    {
      title: "WORKERS",
      value: ({ workers }) => workers.length,
      align: "right",
      tone: ({ workers }) => (workers.length === 0 ? "yellow" : "green"),
    },
    { title: "PUBLISHED", value: ({ publishedAt }) => relative(publishedAt, now) },
    { title: "DEFINITION", value: ({ hash }) => hash.slice(0, HASH_CHARACTERS) },
  ];
}
