import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const node = join(root, "node_modules", ".bin", "node");
const folder = join(root, "examples", "testing");

/** Runs a test runner as a user does, over the built package. */
async function runTests(args: readonly string[]): Promise<{ readonly code: unknown; readonly output: string }> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST|NODE_(ENV|OPTIONS|TEST)|FORCE_COLOR)/.test(name)),
  );
  const child = spawn(node, args, { cwd: root, env: { ...env, NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const [code] = await once(child, "close");
  return { code, output };
}

describe("the examples of testing a workflow", () => {
  it("pass with vitest", async () => {
    const { code, output } = await runTests(["node_modules/vitest/vitest.mjs", "run", "--root", folder]);
    expect(output).toMatch(/Tests\s+5 passed \(5\)/);
    expect(code).toBe(0);
  });

  it("pass with the test runner of Node", async () => {
    const { code, output } = await runTests(["--test", "--test-reporter=tap", join(folder, "orders-node.ts")]);
    expect(output).toContain("# pass 4\n# fail 0");
    expect(code).toBe(0);
  });
});
