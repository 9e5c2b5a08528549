/**
 * `millrace completion`: a script that teaches a shell the commands and their options. It is made from the commands
 * themselves, so it knows all of them and no more; it opens no store and completes no ids.
 */

import { Argument, type Command } from "commander";
import { acting, type CommonOptions, describeCommand, type Run, withCommonOptions } from "../command-line.ts";
import { type CompletedCommand, completionScript, SHELLS, type Shell } from "../completion/completion-script.ts";
import { jsonLine } from "../output/json-output.ts";

export function completionCommand(run: Run): Command {
  return describeCommand({
    name: "completion",
    summary: "Print a script that completes commands and options in a shell",
    examples: [
      ["completion bash > ~/.local/share/bash-completion/completions/millrace", "For bash"],
      ['completion zsh > "$' + '{fpath[1]}/_millrace"', "For zsh"],
      ["completion fish > ~/.config/fish/completions/millrace.fish", "For fish"],
    ],
  })
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .action(
      acting(run, async (shell: Shell, options: CommonOptions) => {
        const script = completionScript(shell, await completedCommands(run));
        run.around.out.line(options.json === true ? jsonLine({ shell, script }) : script.trimEnd());
      }),
    );
}

async function completedCommands(run: Run): Promise<readonly CompletedCommand[]> {
  return Promise.all(
    run.commands.map(async ({ name, summary, load }) => {
      const command = withCommonOptions((await load())(run));
      const options = command.options
        .filter(({ hidden }) => !hidden)
        .map((option) => ({
          flag: option.long ?? option.flags,
          description: option.description,
          takesValue: option.required || option.optional,
          choices: option.argChoices ?? [],
        }));
      const words = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
      return { name, summary, words, options: [...options, HELP] };
    }),
  );
}

const HELP = { flag: "--help", description: "show this help", takesValue: false, choices: [] };
