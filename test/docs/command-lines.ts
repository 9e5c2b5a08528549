/**
 * Command lines of `millrace` as pages and files of examples show them, and what is wrong with them: a command that there
 * is not, or an option that it does not have. The commands themselves are asked.
 */

import type { Command } from "commander";
import { withCommonOptions } from "../../src/cli/command-line.ts";
import { COMMANDS } from "../../src/cli/command-list.ts";
import { processSurroundings } from "../../src/cli/surroundings.ts";

/** Words of a command line, without what follows a comment, a pipe or the like. */
export function wordsOf(line: string): readonly string[] {
  const command = line.split(/\s#|[|;&]|\s>/u, 1)[0] ?? "";
  return [...command.matchAll(/"[^"]*"|'[^']*'|\S+/gu)].map(([word]) => word.replaceAll(/^["']|["']$/gu, ""));
}

/** Every command line of `millrace` in a text of shell commands. */
export function commandLinesIn(shell: string): readonly (readonly string[])[] {
  const lines = shell.replaceAll("\\\n", " ").split("\n");
  return lines.flatMap((line) =>
    [...line.matchAll(/(?:^|[|&;]\s*|\bnpx )millrace (.*)$/gmu)].map(([, rest = ""]) => wordsOf(rest)),
  );
}

/** What is wrong with the arguments of `millrace`; empty if there are such a command and such options. */
export async function problemsOf(argv: readonly string[]): Promise<readonly string[]> {
  const [name = "", ...rest] = argv;
  const command = await commandNamed(name);
  if (command === undefined) return [`millrace ${name}: there is no such command`];
  const known = new Set(command.options.flatMap(({ long, short }) => [long, short]));
  return rest
    .filter((word) => /^--?[a-z]/u.test(word))
    .map((word) => word.split("=", 1)[0] ?? "")
    .filter((option) => !known.has(option) && option !== "--help")
    .map((option) => `millrace ${name}: there is no option ${option}`);
}

async function commandNamed(name: string): Promise<Command | undefined> {
  const listed = COMMANDS.find((one) => one.name === name);
  if (listed === undefined) return undefined;
  const run = { around: processSurroundings(), commands: COMMANDS, exitCode: 0 };
  return withCommonOptions((await listed.load())(run));
}
