// The servers of one `npm test`: a process finds or starts them and holds them until the run is over. It says what it
// found in one line; what it says on its error output is why there is none. Needs the installed packages.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { node, root, toolEnvironment } from "./installation.mjs";

const patienceMs = 10 * 60_000;

/**
 * @typedef {{ variables: Record<string, string>, notes: string[] }} Found
 * @typedef {Found & { end: () => Promise<void> }} Servers
 */

/** @returns {Promise<Servers>} throws an `Error` that says what is missing and what to do */
export async function findServers() {
  const child = spawn(node, [join(root, "test", "support", "servers", "find-servers-process.ts")], {
    cwd: root,
    env: toolEnvironment(),
    stdio: ["pipe", "pipe", "pipe"],
  });
  const tooLong = setTimeout(() => child.kill("SIGKILL"), patienceMs);
  const closed = once(child, "close");
  let problem = "";
  child.stderr.setEncoding("utf8").on("data", (chunk) => {
    problem += chunk;
  });
  const said = await firstLine(child.stdout);
  clearTimeout(tooLong);
  if (said === undefined) {
    await closed;
    throw new Error(problem.trim() || `Finding servers ended with ${child.signalCode ?? child.exitCode}.`);
  }
  const end = async () => {
    child.stdin.end();
    await closed;
  };
  return { .../** @type {Found} */ (JSON.parse(said)), end };
}

/** @param {import("node:stream").Readable} stream @returns {Promise<string | undefined>} */
function firstLine(stream) {
  return new Promise((resolve, reject) => {
    let text = "";
    stream.setEncoding("utf8");
    stream.on("data", (chunk) => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end >= 0) resolve(text.slice(0, end));
    });
    stream.on("end", () => resolve(undefined));
    stream.on("error", reject);
  });
}
