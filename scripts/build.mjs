// Compiles `src` into `dist` and copies what is not TypeScript beside it (SQL migrations). The new build takes the old
// one's place only when it is whole, so that a failed build leaves the last good one, and no stale file survives.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
const fresh = join(root, `.build-${process.pid}`);
const target = join(root, "dist");

if (!existsSync(compiler)) {
  console.error("The compiler is not installed: run `npm ci` first.");
  process.exit(1);
}

try {
  const project = ["-p", join(root, "tsconfig.build.json"), "--outDir", fresh, "--pretty", "false"];
  const result = spawnSync(process.execPath, [compiler, ...project], { cwd: root, stdio: "inherit" });
  if (result.status !== 0) process.exitCode = 1;
  else {
    cpSync(join(root, "src"), fresh, { recursive: true, filter: (path) => !path.endsWith(".ts") });
    rmSync(target, { recursive: true, force: true });
    renameSync(fresh, target);
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
