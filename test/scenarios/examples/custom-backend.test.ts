import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { brokenBackends } from "../../../src/testing/broken/broken-backends.ts";
import { conformanceCases } from "../../../src/testing/conformance/suite.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const node = join(root, "node_modules", ".bin", "node");

test("the example backend proves itself with the test runner of Node, over the built package", async () => {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST|NODE_(ENV|OPTIONS|TEST)|FORCE_COLOR)/.test(name)),
  );
  const program = join(root, "examples", "custom-backend", "conformance.test.ts");
  const child = spawn(node, ["--test", "--test-reporter=tap", program], {
    cwd: root,
    env: { ...env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const [code] = await once(child, "close");
  expect(output.match(/^not ok .*/gm) ?? []).toEqual([]);
  expect(output).toContain(`# pass ${conformanceCases().length + brokenBackends().length + 1}\n# fail 0`);
  expect(code).toBe(0);
});
