/** `millrace waits`: what runs wait for from outside, longest first. It only looks. */

import type { Command } from "commander";
import { DistributedOrchestrator, type WaitInfo } from "../../index.ts";
import { acting, type CommonOptions, describeCommand, type Run } from "../command-line.ts";
import { choiceList, usage, wholeNumber } from "../input/option-values.ts";
import { writePages } from "../output/paged-output.ts";
import { findRunId } from "../run-lookup.ts";
import { onExistingStore } from "../store.ts";
import type { PayloadOptions } from "../views/run-view.ts";
import { waitColumns, waitJson } from "../views/wait-view.ts";

interface WaitsOptions extends CommonOptions, PayloadOptions {
  readonly kind?: readonly WaitInfo["kind"][] | undefined;
  readonly limit?: number | undefined;
}

const KINDS = ["input", "event", "tool", "child"] as const satisfies readonly WaitInfo["kind"][];

export function waitsCommand(run: Run): Command {
  return describeCommand({
    name: "waits",
    summary: "List what runs wait for: inputs, events, results of tools, child runs",
    details:
      'Answer an input or a tool with millrace complete, an event with millrace send. With --json: one document {"waits":[…]}, a wait per line.',
    examples: [
      ["waits --kind input", "Everything that somebody has to decide, the oldest first"],
      ["waits 7a8b9c0d --json", "What one run waits for, for a program"],
    ],
  })
    .argument("[run]", "id of a run; all runs if absent")
    .option("--kind <kind>", `only these: ${KINDS.join(", ")}`, choiceList("--kind", KINDS))
    .option("--limit <n>", "only the first so many", wholeNumber("--limit", 1))
    .option("--reveal", "show prompts and arguments as they are, secrets too")
    .action(acting(run, (typed: string | undefined, options: WaitsOptions) => waits(run, typed, options)));
}

async function waits({ around }: Run, typed: string | undefined, options: WaitsOptions): Promise<void> {
  const [kind, ...others] = options.kind ?? [];
  if (others.length > 0) throw usage("--kind takes one kind");
  await onExistingStore(options, around, async (backend) => {
    const orchestrator = new DistributedOrchestrator({ backend });
    const runId = typed === undefined ? undefined : await findRunId(orchestrator, typed);
    await writePages<WaitInfo>(
      around.out,
      {
        name: "waits",
        columns: waitColumns(await backend.operations.now()),
        json: (wait) => waitJson(wait, options),
        read: (page) => orchestrator.listWaits({ runId, kind, ...page }),
        empty: "Nothing waits for an answer.",
      },
      options,
    );
  });
}
