/**
 * The command `millrace`: reads the arguments, runs one command, and turns whatever comes of it into an exit code. It
 * ends no process and throws nothing; errors are written to standard error, in the one form that all commands share.
 */

import { Command, CommanderError } from "commander";
import { ERRORS, VERSION } from "../index.ts";
import { type Run, withCommonOptions } from "./command-line.ts";
import { COMMANDS } from "./command-list.ts";
import { usage } from "./input/option-values.ts";
import { exitCodeOf, reportFailure } from "./output/failure-report.ts";
import { processSurroundings, type Surroundings } from "./surroundings.ts";

/**
 * Runs the command line given (without the program's own name) and gives the exit code: 0, or that of the error table.
 * Never rejects.
 */
export function main(argv: readonly string[]): Promise<number> {
  return runCommandLine(argv, processSurroundings());
}

/** As `main`, in other surroundings. */
export async function runCommandLine(argv: readonly string[], around: Surroundings): Promise<number> {
  const run: Run = { around, commands: COMMANDS, exitCode: 0 };
  try {
    await (await program(run, argv)).parseAsync([...argv], { from: "user" });
    return run.exitCode;
  } catch (thrown) {
    const failure = thrown instanceof CommanderError ? usageOf(thrown) : thrown;
    if (failure === undefined) return 0;
    if (failure === "helpShown") return ERRORS.USAGE.exit;
    reportFailure(around.err, failure, argv.includes("--json"));
    return exitCodeOf(failure);
  }
}

/** The program with the command that is asked for; of the others it knows no more than its help shows. */
async function program(run: Run, argv: readonly string[]): Promise<Command> {
  const top = configured(new Command("millrace"), run.around)
    .description("Durable workflows: runs workers, starts runs, and shows and steers them.")
    .version(VERSION, "-V, --version", "print the version")
    .addHelpText("after", "\nEvery command has --json, --url, --namespace and a --help with an example.");
  const [first, second] = argv.filter((word) => !word.startsWith("-"));
  const asked = first === "help" ? second : first;
  for (const { name, summary, load } of run.commands) {
    const command = name === asked ? withCommonOptions((await load())(run)) : new Command(name).summary(summary);
    top.addCommand(configured(command, run.around));
  }
  return top;
}

function configured(command: Command, { out, err }: Surroundings): Command {
  return command
    .helpOption("-h, --help", "show this help")
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => out.line(text.trimEnd()),
      writeErr: (text) => err.line(text.trimEnd()),
      // Reported with all other errors, in `runCommandLine`.
      outputError: () => undefined,
      getOutHelpWidth: () => out.columns ?? 100,
      getErrHelpWidth: () => err.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
}

/** What the parser says, as an error of ours; `undefined` where it has shown what was asked for. */
function usageOf(thrown: CommanderError): Error | "helpShown" | undefined {
  if (thrown.exitCode === 0) return undefined;
  if (thrown.code === "commander.help") return "helpShown";
  return usage(thrown.message.replace(/^error: /, ""));
}
