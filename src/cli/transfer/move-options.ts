/** Options of a transfer between two stores, the same for both directions, and how they go together. */

import { type Command, Option } from "commander";
import type { Duration } from "../../index.ts";
import { confirm } from "../input/confirmation.ts";
import { durationText, usage } from "../input/option-values.ts";
import type { Surroundings } from "../surroundings.ts";

/** What these options give. */
export interface MoveOptions {
  readonly move?: boolean | undefined;
  readonly wait?: Duration | undefined;
  readonly resume?: boolean | undefined;
  readonly checkpoints?: boolean | undefined;
  readonly yes?: boolean | undefined;
}

export function withMove(command: Command): Command {
  return command
    .option("--move", "take open runs along, too: pause them, and remove all runs where they were once they arrived")
    .addOption(
      new Option("--wait <duration>", "of a move: how long attempts may take to end (default: 1m)").argParser(
        durationText("--wait"),
      ),
    )
    .option("--resume", "of a move: go on with the runs that it paused, where they arrived")
    .option("--checkpoints", "also checkpoints of runs in one process; without --move of those that have ended")
    .option("--yes", "do not ask before runs are moved");
}

/** Throws `USAGE` for options that do not go together, and asks before anything is removed. */
export async function confirmMove(
  around: Surroundings,
  options: MoveOptions & { readonly json?: boolean | undefined },
  question: string,
): Promise<void> {
  const { move, resume, wait } = options;
  if (move === true) return confirm(around, question, options);
  if (resume === true) throw usage("--resume goes with --move: runs that are copied have ended");
  if (wait !== undefined) throw usage("--wait goes with --move");
}
