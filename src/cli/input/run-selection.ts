/**
 * Options that select runs by conditions instead of ids, the same for every command that acts on runs. Ids and
 * conditions together are refused, and so are neither: nothing is ever done to runs that were not meant.
 */

import { type Command, Option } from "commander";
import type { RunInfo, RunSelection } from "../../index.ts";
import { choiceList, tagList, usage, wholeNumber } from "./option-values.ts";
import { readSince } from "./since.ts";
import { RUN_STATUSES } from "./statuses.ts";

/** What these options give. */
export interface SelectionOptions {
  readonly status?: readonly RunInfo["status"][] | undefined;
  readonly workflow?: string | undefined;
  readonly tag?: Readonly<Record<string, string>> | undefined;
  readonly search?: string | undefined;
  readonly since?: string | undefined;
  readonly all?: boolean | undefined;
  readonly limit?: number | undefined;
  readonly dryRun?: boolean | undefined;
  readonly yes?: boolean | undefined;
}

/** Adds the options to a command that takes ids of runs too. */
export function withSelection(command: Command): Command {
  const group = "Many runs at once, in place of ids:";
  const options = [
    new Option("--status <list>", `those that are ${RUN_STATUSES.join(", ")}`).argParser(
      choiceList("--status", RUN_STATUSES),
    ),
    new Option("--workflow <name>", "those of this workflow"),
    new Option("--tag <name=value>", "those with this tag; may be repeated").argParser(tagList("--tag")),
    new Option("--search <text>", "those with this in id, workflow, a tag's value or the key"),
    new Option("--since <when>", "those started since: 2h, 3d, or an instant"),
    new Option("--all", "every run of the namespace"),
    new Option("--limit <n>", "the newest so many of them").argParser(wholeNumber("--limit", 1)),
    new Option("--dry-run", "count them and do nothing"),
    new Option("--yes", "do not ask"),
  ];
  for (const option of options) command.addOption(option.helpGroup(group));
  return command;
}

/** Whether runs are selected by conditions. Throws `USAGE` where both or neither are given. */
export function isSelection(runs: readonly string[], options: SelectionOptions): boolean {
  const { status, workflow, tag, search, since, all, limit, dryRun } = options;
  // A variable of a shell that is not set must not widen what is meant.
  if ([workflow, search, since].includes("")) throw usage("a condition is empty");
  const conditions = [status, workflow, tag, search, since, all];
  const isGiven = conditions.some((condition) => condition !== undefined);
  if (runs.length === 0 && !isGiven) {
    throw usage("no runs are named", "Give ids of runs, or conditions such as --status or --workflow, or --all.");
  }
  if (runs.length > 0 && (isGiven || limit !== undefined || dryRun !== undefined)) {
    throw usage("runs are named by their ids or selected by conditions, not both");
  }
  return isGiven;
}

/** The selection, without runs that start later than `now`. */
export function readSelection(options: SelectionOptions, now: number): RunSelection {
  const { status, workflow, tag: tags, search, since, all } = options;
  if (all === true && [status, workflow, tags, search, since].some((condition) => condition !== undefined)) {
    throw usage("--all goes with no condition");
  }
  return {
    status,
    workflow,
    tags,
    search,
    since: since === undefined ? undefined : readSince(since, now),
    until: now,
    all,
  };
}
