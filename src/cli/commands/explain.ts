/** `millrace explain`: what a run or one of its items waits for, since when, and who can release it. It only looks. */

import type { Command } from "commander";
import { DistributedOrchestrator, type ItemExplanation } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { jsonLine } from "../output/json-output.ts";
import { instant } from "../output/moments.ts";
import { plainLine } from "../output/plain-text.ts";
import { redactText } from "../output/redaction.ts";
import type { Output } from "../output/terminal.ts";
import { findRunId } from "../run-lookup.ts";
import { onExistingStore } from "../store.ts";

/** Sentences on items that a person reads; the rest is for `--json`. */
const SHOWN_ITEMS = 20;

export function explainCommand(run: Run): Command {
  return describeCommand({
    name: "explain",
    summary: "Say what a run or an item waits for, since when, and who can release it",
    examples: [
      ["explain 7a8b9c0d", "Why does this run not go on?"],
      ["explain 7a8b9c0d 12", "And its item 12?"],
    ],
  })
    .argument("<run>", "id of the run")
    .argument("[item]", "number or id of an item")
    .action(
      acting(run, (typed: string, item: string | undefined, options: CommonOptions) =>
        explain(run, typed, item, options),
      ),
    );
}

async function explain(
  { around }: Run,
  typed: string,
  item: string | undefined,
  options: CommonOptions,
): Promise<void> {
  await onExistingStore(options, around, async (backend) => {
    const orchestrator = new DistributedOrchestrator({ backend });
    const runId = await findRunId(orchestrator, typed);
    const { out } = around;
    if (item !== undefined) {
      const told = await orchestrator.explainItem(/^\d+$/.test(item) ? `${runId}.${item}` : item);
      if (options.json === true) out.line(jsonLine(itemJson(told)));
      else writeSentence(out, told);
      return;
    }
    const { items, ...told } = await orchestrator.explain(runId);
    if (options.json === true) {
      const { sentence, since } = told;
      out.line(
        jsonLine({ ...told, sentence: redactText(sentence), since: instant(since), items: items.map(itemJson) }),
      );
      return;
    }
    writeSentence(out, told);
    for (const entry of items.slice(0, SHOWN_ITEMS)) out.line(`- ${plainLine(redactText(entry.sentence))}`);
    if (items.length > SHOWN_ITEMS) out.line(out.tint("dim", `… and ${items.length - SHOWN_ITEMS} more; see --json`));
  });
}

function writeSentence(
  out: Output,
  told: { readonly sentence: string; readonly releasedBy: string | undefined },
): void {
  out.line(plainLine(redactText(told.sentence)));
  if (told.releasedBy !== undefined) out.line(`${out.tint("dim", "released by:")} ${plainLine(told.releasedBy)}`);
}

function itemJson(told: ItemExplanation): Readonly<Record<string, unknown>> {
  return { ...told, sentence: redactText(told.sentence), since: instant(told.since) };
}
