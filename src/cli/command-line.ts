/**
 * How every command is put together: the options that all have, its help with an example, and its action. It knows no
 * command; each is a file of its own in `commands`.
 */

import { Command, Option } from "commander";
import type { Surroundings } from "./surroundings.ts";

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean | undefined;
  readonly url?: string | undefined;
  readonly namespace?: string | undefined;
}

/** A command as its file describes it. */
export interface CommandDescription {
  readonly name: string;
  /** What it does, in one sentence without a period. */
  readonly summary: string;
  /** More of it, for its own help. */
  readonly details?: string | undefined;
  /** Command lines with a word on each. */
  readonly examples: readonly (readonly [line: string, what: string])[];
}

/** The outcome of an action: its exit code, or none for 0. Errors are thrown. */
type ActionResult = Promise<number> | Promise<void>;

/** A command that may not be loaded yet. */
export interface ListedCommand {
  readonly name: string;
  /** As the command says of itself. */
  readonly summary: string;
  load(): Promise<(run: Run) => Command>;
}

/** One run of the program: what it has around it, its commands, and where an action's exit code goes. */
export interface Run {
  readonly around: Surroundings;
  readonly commands: readonly ListedCommand[];
  exitCode: number;
}

/** A command as its file describes it, without its options. */
export function describeCommand({ name, summary, details, examples }: CommandDescription): Command {
  return new Command(name)
    .summary(summary)
    .description(details === undefined ? `${summary}.` : `${summary}.\n\n${details}`)
    .addHelpText("after", exampleText(examples));
}

/** Adds the options that all commands have, after the command's own. */
export function withCommonOptions(command: Command): Command {
  const group = "Options of all commands:";
  return command
    .addOption(new Option("--json", "write JSON, also for errors").helpGroup(group))
    .addOption(new Option("--url <url>", "the store (default: MILLRACE_URL, else the embedded file)").helpGroup(group))
    .addOption(new Option("--namespace <name>", "the namespace (default: MILLRACE_NAMESPACE)").helpGroup(group));
}

/** Wraps an action, so that the exit code it gives is the command's. */
export function acting<A extends readonly unknown[]>(
  run: Run,
  action: (...given: A) => ActionResult,
): (...given: A) => Promise<void> {
  return async (...given) => {
    run.exitCode = (await action(...given)) ?? 0;
  };
}

function exampleText(examples: CommandDescription["examples"]): string {
  const lines = examples.flatMap(([line, what]) => [`  # ${what}`, `  $ millrace ${line}`]);
  return `\n${examples.length === 1 ? "Example" : "Examples"}:\n${lines.join("\n")}`;
}
