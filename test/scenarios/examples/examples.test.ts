/** Every example is run as a person runs it: as a program, in an empty folder. What it prints last is its result. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const examples = join(root, "examples");
const node = join(root, "node_modules", ".bin", "node");

/** The lines that each example ends with. */
const results: Readonly<Record<string, readonly string[]>> = {
  "order-processing": [
    "o-1 paid: 1250 cents",
    "  validated, paid at attempt 3; charged 1 times",
    "o-2 cancelled: the card was refused",
    "  validated, cancelled: CARD_REFUSED at attempt 3; charged 0 times",
  ],
  "document-pipeline": [
    "Source: 19 words in 3 sentences, about brook, finds",
    "Mill: 26 words in 3 sentences, about water, wheel",
    "Mouth: 18 words in 2 sentences, about again, ocean",
    "3 sections, 63 words",
  ],
  "agent-loop": [
    "user: How long is it from Basel to Bern at 80 km/h?",
    "model: distance(Basel, Bern)",
    "tool: 100",
    "model: divide(100, 80)",
    "tool: 1.25",
    "model: Basel to Bern is 100 km: 1.25 h at 80 km/h.",
    "3 calls of the model",
    "Basel to Bern is 100 km: 1.25 h at 80 km/h.",
  ],
  approval: [
    "2 purchases wait for a decision",
    "desk bought for 300, approved by Ada",
    "yacht not bought, rejected by Ada",
  ],
  "csv-etl": [
    "2026-01,CH,19.90",
    "2026-01,FR,1200.50",
    "2026-01,GB,5.00",
    "2026-02,CH,80.10",
    "2026-02,GB,44.00",
    "8 rows, 3 rejected:",
    "orders-february.csv:3: day is no date",
    "orders-february.csv:5: amount is missing",
    "orders-january.csv:4: there is no customer c-9",
  ],
  "custom-backend": ["sent a box with a kettle and a box with two cups", "journal, durable against the loss of power"],
};

/** Those with tests of their own. */
const elsewhere = ["deployment", "licence-audit", "testing"];

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-example-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("the examples", () => {
  it("are all run here, or have tests of their own", async () => {
    expect(await folders()).toEqual(expect.arrayContaining(Object.keys(results)));
    expect((await folders()).filter((name) => !(name in results) && !elsewhere.includes(name))).toEqual([]);
  });

  it.each(Object.entries(results))("%s prints its result, and the same when it is run again", async (name, lines) => {
    const first = await runExample(name);
    expect(first).toEqual({ code: 0, errors: "", lines });
    expect(await runExample(name)).toEqual(first);
  });

  it("say at the top what they show and how they are run", async () => {
    for (const name of Object.keys(results)) {
      const [opening = ""] = (await readFile(join(examples, name, "main.ts"), "utf8")).split("*/");
      expect(opening).toContain(`node examples/${name}/main.ts`);
    }
  });

  it("are all in the list of examples", async () => {
    const list = await readFile(join(examples, "README.md"), "utf8");
    for (const name of await folders()) expect(list).toContain(`| [${name}](${name}/`);
  });
});

async function folders(): Promise<string[]> {
  const entries = await readdir(examples, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

async function runExample(name: string): Promise<{ code: number | null; errors: string; lines: string[] }> {
  const { MILLRACE_URL: _, ...env } = process.env;
  const child = spawn(node, [join(examples, name, "main.ts")], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  await once(child, "close");
  return { code: child.exitCode, errors, lines: output.trimEnd().split("\n") };
}
