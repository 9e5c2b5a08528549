/** `millrace items`: the work items of a run, by number, all of them or those in a status or of a node. It only looks. */

import type { Command } from "commander";
import { DistributedOrchestrator, type WorkItemInfo } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { choiceList, wholeNumber } from "../input/option-values.ts";
import { ITEM_STATUSES } from "../input/statuses.ts";
import { writePages } from "../output/paged-output.ts";
import { findRunId } from "../run-lookup.ts";
import { onExistingStore } from "../store.ts";
import { itemColumns, itemJson } from "../views/item-view.ts";
import type { PayloadOptions } from "../views/run-view.ts";

interface ItemsOptions extends CommonOptions, PayloadOptions {
  readonly status?: readonly WorkItemInfo["status"][] | undefined;
  readonly node?: string | undefined;
  readonly limit?: number | undefined;
}

export function itemsCommand(run: Run): Command {
  return describeCommand({
    name: "items",
    summary: "List the work items of a run",
    details: 'With --json: one document {"items":[…]}, an item per line.',
    examples: [
      ["items 7a8b9c0d --status permanently_failed,waiting_retry", "What went wrong in a run"],
      ["items 7a8b9c0d --node charge --json", "All items of a node, for a program"],
    ],
  })
    .argument("<run>", "id of the run")
    .option("--status <list>", `only these: ${ITEM_STATUSES.join(", ")}`, choiceList("--status", ITEM_STATUSES))
    .option("--node <name>", "only items of this node")
    .option("--limit <n>", "only the first so many", wholeNumber("--limit", 1))
    .option("--reveal", "show failures as they are, secrets too")
    .action(acting(run, (typed: string, options: ItemsOptions) => items(run, typed, options)));
}

async function items({ around }: Run, typed: string, options: ItemsOptions): Promise<void> {
  await onExistingStore(options, around, async (backend) => {
    const orchestrator = new DistributedOrchestrator({ backend });
    const runId = await findRunId(orchestrator, typed);
    const { status, node } = options;
    await writePages<WorkItemInfo>(
      around.out,
      {
        name: "items",
        columns: itemColumns(await backend.operations.now()),
        json: (item) => itemJson(item, options),
        read: (page) => orchestrator.listWorkItems(runId, { status, node, ...page }),
        empty: "No items.",
      },
      options,
    );
  });
}
