/**
 * Installs Debian packages that tests need, where the machine lets us: as root, with `apt-get`. Says nothing about whether
 * it worked; whoever asked looks for the program again and names what is missing.
 */

import { spawnSync } from "node:child_process";
import { env } from "node:process";

export function installPackages(names: readonly string[], environment: NodeJS.ProcessEnv = env): void {
  const options = { env: { ...environment, DEBIAN_FRONTEND: "noninteractive" }, stdio: "ignore" } as const;
  spawnSync("apt-get", ["update"], options);
  spawnSync("apt-get", ["install", "--yes", "--no-install-recommends", ...names], options);
}
