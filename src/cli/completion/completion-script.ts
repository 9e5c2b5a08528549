/**
 * Completion scripts for three shells, as text. Pure. Every word that goes into one is quoted for its shell, so that a
 * description can say anything.
 */

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** What a shell completes of a command. */
export interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  /** What its arguments may be, where that is known. */
  readonly words: readonly string[];
  readonly options: readonly CompletedOption[];
}

interface CompletedOption {
  readonly flag: string;
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

/** The script for one shell. */
export function completionScript(shell: Shell, commands: readonly CompletedCommand[]): string {
  switch (shell) {
    case "bash":
      return bash(commands);
    case "zsh":
      return zsh(commands);
    case "fish":
      return fish(commands);
  }
}

function bash(commands: readonly CompletedCommand[]): string {
  const words = ({ words, options }: CompletedCommand): string =>
    [...words, ...options.map(({ flag }) => flag)].join(" ");
  const values = commands.flatMap(({ name, options }) =>
    options
      .filter(({ takesValue }) => takesValue)
      .map(({ flag, choices }) => {
        const reply = choices.length > 0 ? `-W ${quoted(choices.join(" "))}` : "-f";
        return `    ${name}:${flag}) COMPREPLY=($(compgen ${reply} -- "$word")); return ;;`;
      }),
  );
  return `# bash completion of millrace; made by: millrace completion bash
_millrace() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}"
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W ${quoted([...commands.map(({ name }) => name), "help", "--help", "--version"].join(" "))} -- "$word"))
    return
  fi
  case "$command:$before" in
${values.join("\n")}
  esac
  case "$command" in
${commands.map((command) => `    ${command.name}) COMPREPLY=($(compgen -W ${quoted(words(command))} -- "$word")) ;;`).join("\n")}
    help) COMPREPLY=($(compgen -W ${quoted(commands.map(({ name }) => name).join(" "))} -- "$word")) ;;
  esac
}
complete -F _millrace millrace
`;
}

function zsh(commands: readonly CompletedCommand[]): string {
  const described = (word: string, description: string): string =>
    quoted(`${word.replaceAll(":", "\\:")}:${description.replaceAll(":", "\\:")}`);
  const argument = ({ flag, description, takesValue, choices }: CompletedOption): string => {
    const value = choices.length > 0 ? `:value:(${choices.join(" ")})` : ":value:_files";
    const text = description.replaceAll(/[[\]:\\]/g, "\\$&");
    return quoted(`*${flag}[${text}]${takesValue ? value : ""}`);
  };
  return `#compdef millrace
# zsh completion of millrace; made by: millrace completion zsh
_millrace() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${described(name, summary)}`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local command="\${words[2]}"
  shift words
  (( CURRENT -= 1 ))
  case "$command" in
${commands
  .map(({ name, words, options }) => {
    const rest = words.length > 0 ? `'*:word:(${words.join(" ")})'` : "'*:: :_default'";
    return `    ${name}) _arguments -s ${options.map(argument).join(" ")} ${rest} ;;`;
  })
  .join("\n")}
    help) _describe 'command' commands ;;
  esac
}
if [ "\${funcstack[1]}" = "_millrace" ]; then _millrace "$@"; else compdef _millrace millrace; fi
`;
}

function fish(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  const lines = commands.flatMap(({ name, summary, words, options }) => [
    `complete -c millrace -n '__fish_use_subcommand' -f -a ${name} -d ${fishQuoted(summary)}`,
    ...(words.length > 0
      ? [`complete -c millrace -n '__fish_seen_subcommand_from ${name}' -f -a ${fishQuoted(words.join(" "))}`]
      : []),
    ...options.map(({ flag, description, takesValue, choices }) => {
      const value = choices.length > 0 ? ` -x -a ${fishQuoted(choices.join(" "))}` : takesValue ? " -r" : "";
      const long = flag.replace(/^--/, "");
      return `complete -c millrace -n '__fish_seen_subcommand_from ${name}' -l ${long}${value} -d ${fishQuoted(description)}`;
    }),
  ]);
  return `# fish completion of millrace; made by: millrace completion fish
complete -c millrace -n '__fish_seen_subcommand_from help' -f -a '${names}'
${lines.join("\n")}
`;
}

/** In single quotes, for a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** In single quotes, where a backslash escapes. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
