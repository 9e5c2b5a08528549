// `npm start`: the main job on a fresh clone. Installs and builds where needed, then hands over to the licence audit with
// the arguments given, on the Node of the dev dependency. Its own output is one line, and only when there is work to do.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, node, root, toolEnvironment } from "./installation.mjs";

try {
  if (!existsSync(join(root, "dist"))) console.log("Setting up: packages and build, once, about half a minute.");
  ensureInstalled();
  ensureBuilt();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

const main = join(root, "examples", "licence-audit", "main.ts");
const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: "inherit", env: toolEnvironment() });
// The terminal signals the whole group; this process only waits, and passes on what was sent to it alone.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("error", (error) => {
  console.error(`Cannot run the licence audit: ${error.message}`);
  process.exitCode = 1;
});
child.on("exit", (code, signal) => {
  for (const handled of ["SIGINT", "SIGTERM"]) process.removeAllListeners(handled);
  if (signal === null) process.exitCode = code ?? 1;
  else process.kill(process.pid, signal);
});
