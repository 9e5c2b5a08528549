/** `millrace show`: one run, with what became of its items by node, its output or failure, and its story. It only looks. */

import type { Command } from "commander";
import { DistributedOrchestrator, type RunExplanation, type RunInfo, type WorkItemInfo } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { jsonBlock, jsonLine } from "../output/json-output.ts";
import { instant, relative, span } from "../output/moments.ts";
import { plainLine, plainText } from "../output/plain-text.ts";
import { redactText, redactValue } from "../output/redaction.ts";
import { type Column, tableWriter } from "../output/table.ts";
import type { Output } from "../output/terminal.ts";
import { findRun } from "../run-lookup.ts";
import { onExistingStore } from "../store.ts";
import { type PayloadOptions, runJson, runTone, tagText } from "../views/run-view.ts";

interface ShowOptions extends CommonOptions, PayloadOptions {}

/** How many items of a node are in each status. */
interface NodeCounts {
  readonly node: string;
  readonly total: number;
  readonly statuses: Readonly<Partial<Record<WorkItemInfo["status"], number>>>;
}

const PAGE_ROWS = 1_000;
/** Lines of a payload that a person reads; the rest is for `--json`. */
const PAYLOAD_LINES = 30;

export function showCommand(run: Run): Command {
  return describeCommand({
    name: "show",
    summary: "Show a run: status, times, items by node, output or failure",
    details:
      "RUN is an id, or at least 6 characters of its beginning or end. What looks like a secret is shown as [redacted].",
    examples: [
      ["show 0198c5a1-7c1e-7d2f-9a3b-5e6f7a8b9c0d", "Everything about a run"],
      ["show 7a8b9c0d --json", "The same for a program, by the end of its id"],
    ],
  })
    .argument("<run>", "id of the run")
    .option("--reveal", "show payloads as they are, secrets too")
    .action(acting(run, (typed: string, options: ShowOptions) => show(run, typed, options)));
}

async function show({ around }: Run, typed: string, options: ShowOptions): Promise<void> {
  await onExistingStore(options, around, async (backend) => {
    const orchestrator = new DistributedOrchestrator({ backend });
    const run = await findRun(orchestrator, typed);
    const [explanation, nodes, now] = await Promise.all([
      orchestrator.explain(run.id),
      countNodes(orchestrator, run.id),
      backend.operations.now(),
    ]);
    const { releasedBy } = explanation;
    const sentence = redactText(explanation.sentence);
    if (options.json === true) around.out.line(jsonLine({ ...runJson(run, options), nodes, sentence, releasedBy }));
    else write(around.out, { run, explanation, nodes, now, options });
  });
}

async function countNodes(orchestrator: DistributedOrchestrator, runId: string): Promise<readonly NodeCounts[]> {
  const nodes = new Map<string, Map<WorkItemInfo["status"], number>>();
  let cursor: string | undefined;
  do {
    const page = await orchestrator.listWorkItems(runId, { limit: PAGE_ROWS, cursor });
    for (const { node, status } of page.entries) {
      const counts = nodes.get(node) ?? new Map<WorkItemInfo["status"], number>();
      nodes.set(node, counts.set(status, (counts.get(status) ?? 0) + 1));
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  return [...nodes].map(([node, counts]) => ({
    node,
    total: counts.values().reduce((sum, count) => sum + count, 0),
    statuses: Object.fromEntries(counts),
  }));
}

interface Shown {
  readonly run: RunInfo;
  readonly explanation: RunExplanation;
  readonly nodes: readonly NodeCounts[];
  readonly now: number;
  readonly options: ShowOptions;
}

function write(out: Output, { run, explanation, nodes, now, options }: Shown): void {
  const label = (name: string): string => out.tint("dim", name.padEnd(10));
  const line = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== "") out.line(`${label(name)}${plainLine(value)}`);
  };
  const when = (at: number): string => `${relative(at, now)} (${instant(at)})`;
  const tone = runTone(run.status);
  line("run", run.id);
  line("workflow", `${run.workflow}@${run.version}`);
  out.line(`${label("status")}${tone === undefined ? run.status : out.tint(tone, run.status)}`);
  line("started", when(run.createdAt));
  if (run.finishedAt === undefined) line("since", when(run.statusAt));
  else line("finished", `${when(run.finishedAt)}, after ${span(run.finishedAt - run.createdAt)}`);
  if (run.timeoutAt !== undefined && run.finishedAt === undefined) line("times out", when(run.timeoutAt));
  line("key", run.idempotencyKey);
  line("tags", tagText(run.tags));
  const { total, open, completed, failed, held } = run.items;
  line(
    "items",
    `${total} made: ${completed} completed, ${open} open, ${failed} failed, ${held} held; ${run.retried} retried`,
  );
  if (nodes.length > 0) {
    out.line("");
    tableWriter(out, nodeColumns).write(nodes);
  }
  out.line("");
  payload(out, "input", run.input, options);
  if (run.status === "completed") payload(out, "output", run.output, options);
  if (run.failure !== undefined) writeFailure(out, run.failure);
  out.line("");
  for (const text of plainText(redactText(explanation.sentence)).split("\n")) out.line(text);
}

const nodeColumns: readonly Column<NodeCounts>[] = [
  { title: "NODE", value: ({ node }) => node, shrinkTo: 8 },
  { title: "ITEMS", value: ({ total }) => total, align: "right" },
  {
    title: "STATUS",
    value: ({ statuses }) =>
      Object.entries(statuses)
        .map(([status, count]) => `${count} ${status}`)
        .join(", "),
    shrinkTo: 16,
  },
];

function payload(out: Output, name: string, value: unknown, { reveal }: PayloadOptions): void {
  const lines = jsonBlock((reveal === true ? value : redactValue(value)) ?? null).split("\n");
  const [first = "", ...rest] = lines.slice(0, PAYLOAD_LINES);
  out.line(`${out.tint("dim", name.padEnd(10))}${first}`);
  for (const line of rest) out.line(`${" ".repeat(10)}${line}`);
  const left = lines.length - PAYLOAD_LINES;
  if (left > 0) out.line(out.tint("dim", `${" ".repeat(10)}… ${left} more lines; see --json`));
}

function writeFailure(out: Output, { code, message, node, itemId, attempt }: NonNullable<RunInfo["failure"]>): void {
  const where = [node && `node ${node}`, itemId && `item ${itemId}`, attempt && `attempt ${attempt}`]
    .filter(Boolean)
    .join(", ");
  const [first = "", ...rest] = plainText(redactText(`${code}: ${message}`)).split("\n");
  out.line(`${out.tint("dim", "failure".padEnd(10))}${out.tint("red", first)}`);
  for (const line of rest) out.line(`${" ".repeat(10)}${line}`);
  if (where !== "") out.line(`${" ".repeat(10)}${plainLine(where)}`);
}
