/**
 * A real terminal of a fixed size, by tmux: a command runs in it, keys are typed, and the screen is read as a person sees
 * it. Each has a server of its own, which ends with the test. Where tmux is missing it is installed, if the machine lets
 * us; elsewhere the test fails and says what to do.
 */

import { spawnSync } from "node:child_process";
import { env } from "node:process";
import { onTestFinished } from "vitest";
import { installPackages } from "../../support/apt-package.ts";
import { until } from "../harness/until.ts";
import { launcher, node, type Project } from "./project.ts";

const COLUMNS = 80;
const ROWS = 24;

let opened = 0;

/** For a `beforeAll`: with time enough to install it. */
export function provideTmux(): void {
  if (spawnSync("tmux", ["-V"]).error === undefined) return;
  installPackages(["tmux"]);
  const { error } = spawnSync("tmux", ["-V"]);
  if (error !== undefined) throw new Error("tests of the terminal need tmux: apt-get install tmux", { cause: error });
}

export class Terminal {
  readonly #server: string;

  /**
   * Runs the command in a terminal; its exit code follows what it says, as "exit: 0". The shell stays, since tmux would
   * scroll the screen of one that has ended.
   */
  constructor(project: Project, argv: readonly string[], extra: Readonly<Record<string, string>> = {}) {
    opened += 1;
    this.#server = `millrace-test-${process.pid}-${opened}`;
    const words = [node, launcher, ...argv].map(quoted).join(" ");
    const settings = Object.entries(extra).map(([name, value]) => `${name}=${quoted(value)} `);
    const command = `unset NO_COLOR MILLRACE_URL MILLRACE_NAMESPACE NODE_OPTIONS; ${settings.join("")}${words}; echo "exit: $?"; read -r _`;
    const size = ["-x", String(COLUMNS), "-y", String(ROWS)];
    onTestFinished(() => {
      spawnSync("tmux", ["-L", this.#server, "kill-server"]);
    });
    this.#tmux("-f", "/dev/null", "new-session", "-d", ...size, "-c", project.folder, command);
  }

  /** The screen as it is, without the empty lines at its end. */
  screen(options: { readonly colours?: boolean } = {}): string {
    const text = this.#tmux("capture-pane", "-p", ...(options.colours === true ? ["-e"] : []));
    return text.trimEnd();
  }

  /** Waits until the screen shows the word. */
  shows(word: string): Promise<unknown> {
    return until(`the terminal shows "${word}"`, () => this.screen().includes(word), { seen: () => this.screen() });
  }

  /** Types keys, by the names that tmux has for them. */
  type(...keys: readonly string[]): void {
    this.#tmux("send-keys", ...keys);
  }

  #tmux(...argv: readonly string[]): string {
    const { TMUX: _, ...rest } = env;
    const result = spawnSync("tmux", ["-L", this.#server, ...argv], {
      encoding: "utf8",
      env: { ...rest, LC_ALL: "C.UTF-8" },
    });
    if (result.error !== undefined) throw result.error;
    if (result.status !== 0) throw new Error(`tmux ${argv.join(" ")}: ${result.stderr}`);
    return result.stdout;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
