/** `millrace list`: one page of runs, newest first, by whatever conditions are given. It only looks. */

import type { Command } from "commander";
import { DistributedOrchestrator, type RunInfo } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { choiceList, tagList, wholeNumber } from "../input/option-values.ts";
import { readSince } from "../input/since.ts";
import { RUN_STATUSES } from "../input/statuses.ts";
import { rowsDocument } from "../output/json-output.ts";
import { tableWriter } from "../output/table.ts";
import { onExistingStore } from "../store.ts";
import { type PayloadOptions, runColumns, runJson } from "../views/run-view.ts";

interface ListOptions extends CommonOptions, PayloadOptions {
  readonly status?: readonly RunInfo["status"][] | undefined;
  readonly workflow?: string | undefined;
  readonly tag?: Readonly<Record<string, string>> | undefined;
  readonly search?: string | undefined;
  readonly since?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

const DEFAULT_LIMIT = 50;
const MOST = 1_000;

export function listCommand(run: Run): Command {
  return describeCommand({
    name: "list",
    summary: "List runs, newest first",
    details:
      'With --json: one document {"runs":[…],"cursor"?}. Pass the cursor of one page to --cursor for the next one. What looks like a secret is shown as [redacted].',
    examples: [
      ["list --status failed,running --since 2h", "What runs or failed in the last two hours"],
      ["list --workflow orders --tag customer=42 --json", "A customer's orders, for a program"],
    ],
  })
    .option("--status <list>", `only these: ${RUN_STATUSES.join(", ")}`, choiceList("--status", RUN_STATUSES))
    .option("--workflow <name>", "only runs of this workflow")
    .option("--tag <name=value>", "only runs with this tag; may be repeated", tagList("--tag"))
    .option("--search <text>", "part of the id, workflow, a tag's value or the key")
    .option("--since <when>", "started since: 2h, 3d, or an instant such as 2026-03-01T09:00:00Z")
    .option("--limit <n>", `runs to show, at most ${MOST}`, wholeNumber("--limit", 1), DEFAULT_LIMIT)
    .option("--cursor <cursor>", "go on where a page ended")
    .option("--reveal", "show payloads as they are, secrets too")
    .action(acting(run, (options: ListOptions) => list(run, options)));
}

async function list({ around }: Run, options: ListOptions): Promise<void> {
  await onExistingStore(options, around, async (backend) => {
    const { status, workflow, tag: tags, search, cursor } = options;
    const now = await backend.operations.now();
    const since = options.since === undefined ? undefined : readSince(options.since, now);
    const limit = Math.min(options.limit, MOST);
    const orchestrator = new DistributedOrchestrator({ backend });
    const page = await orchestrator.listRuns({ status, workflow, tags, search, since, limit, cursor });
    if (options.json === true) {
      const document = rowsDocument(around.out, "runs");
      for (const entry of page.entries) document.row(runJson(entry, options));
      document.end({ cursor: page.cursor });
      return;
    }
    tableWriter(around.out, runColumns(now)).write(page.entries);
    if (page.entries.length === 0) around.out.line("No runs.");
    if (page.cursor !== undefined) around.out.line(around.out.tint("dim", `More: --cursor ${page.cursor}`));
  });
}
