/**
 * The main job as a person runs it: a real program over a real tree of packages, with the embedded store, killed and
 * started again.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const node = join(root, "node_modules", ".bin", "node");
const program = join(root, "examples", "licence-audit", "main.ts");

let folder: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-audit-"));
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

describe("the licence audit", () => {
  it("counts scoped and nested packages, and neither links nor what is not directly under a node_modules", async () => {
    await install({
      "node_modules/plain": { name: "plain", version: "1.0.0", license: "MIT" },
      "node_modules/@scope/inner": { name: "@scope/inner", version: "2.0.0", license: "ISC" },
      "node_modules/plain/node_modules/nested": { name: "nested", version: "0.1.0", license: "(MIT OR GPL-3.0-only)" },
      "node_modules/plain/lib/sub": { name: "no-package", license: "MIT" },
      "packages/app": { name: "app", license: "MIT" },
    });
    await symlink(join(folder, "packages/app"), join(folder, "node_modules/linked"));
    await mkdir(join(folder, "node_modules/no-manifest"), { recursive: true });
    const { code, output } = await audit(["--dir", "."]);
    expect(code).toBe(0);
    const report = await readReport();
    expect(report.packages).toBe(3);
    expect(report.findings.map((finding) => finding.path)).toEqual([
      "node_modules/@scope/inner",
      "node_modules/plain",
      "node_modules/plain/node_modules/nested",
    ]);
    expect(report.licences).toEqual({ "(MIT OR GPL-3.0-only)": 1, ISC: 1, MIT: 1 });
    expect(report.problems).toEqual([]);
    expect(output).toContain("3 packages: 3 permitted");
    expect(output.trimEnd().split("\n").at(-1)).toBe("Report: licence-audit/report.json");
  });

  it("sends denied, unknown and unreadable packages to review and lists each as a problem", async () => {
    await install({
      "node_modules/good": { name: "good", version: "1.0.0", license: "Apache 2.0" },
      "node_modules/copyleft": { name: "copyleft", version: "1.0.0", license: "GPL-3.0-only AND MIT" },
      "node_modules/closed": { name: "closed", version: "1.0.0", license: "UNLICENSED" },
      "node_modules/silent": { name: "silent", version: "1.0.0" },
      "node_modules/old": { name: "old", version: "1.0.0", licenses: [{ type: "MIT" }, { type: "BSD-3-Clause" }] },
      "node_modules/broken": "{ not json",
      "node_modules/list": "[]",
      "node_modules/odd": { name: "o|dd\n<b>", version: "1", license: "see it yourself `|`" },
    });
    await writeFile(join(folder, "node_modules/silent/LICENSE.txt"), "\n  The Silent License\nall of it");
    const { code } = await audit(["--dir", "node_modules"]);
    expect(code).toBe(0);
    const report = await readReport();
    expect(report.verdicts).toEqual({ permitted: 2, denied: 2, unknown: 2, unreadable: 2 });
    expect(report.problems.map(({ path, verdict }) => [path, verdict])).toEqual([
      ["broken", "unreadable"],
      ["closed", "denied"],
      ["copyleft", "denied"],
      ["list", "unreadable"],
      ["odd", "unknown"],
      ["silent", "unknown"],
    ]);
    expect(report.problems.find(({ path }) => path === "silent")?.reason).toContain(
      'LICENSE.txt begins "The Silent License"',
    );
    expect(report.run).toMatchObject({ inspected: 8, reviewed: 6, findingEvents: 8 });
    const markdown = await readFile(join(folder, "licence-audit/report.md"), "utf8");
    expect(markdown).toContain("| o\\|dd \\<b\\> | 1 |");
  });

  it("reports an empty tree as no packages", async () => {
    await mkdir(join(folder, "node_modules"));
    expect((await audit(["--dir", "node_modules"])).code).toBe(0);
    expect((await readReport()).packages).toBe(0);
  });

  it("goes on with the same run after kill -9 at any moment, and the report is the same as without", {
    timeout: 120_000,
  }, async () => {
    await install(manyPackages(1_500));
    const undisturbed = await audit(["--dir", "node_modules", "--out", "undisturbed"]);
    expect(undisturbed.code).toBe(0);
    const wanted = await readReport("undisturbed");

    const runs: string[] = [];
    let kills = 0;
    for (const lines of [1, 2, 3, 1, 2, 3, 4]) {
      const killed = start(["--dir", "node_modules", "--out", "killed"]);
      runs.push(runOf(await killed.untilLines(lines)));
      if (killed.child.exitCode === null && killed.child.kill("SIGKILL")) kills += 1;
      await killed.ended;
    }
    const last = await audit(["--dir", "node_modules", "--out", "killed"]);
    expect(last.code).toBe(0);
    runs.push(runOf(last.output.split("\n")));
    // Only an audit that was finished is done anew.
    const continued = runs.filter((run, at) => at > 0 && run === runs[at - 1]).length;
    expect({ kills, continued }).toEqual({
      kills: expect.toSatisfy(atLeast(4)),
      continued: expect.toSatisfy(atLeast(3)),
    });

    const { run: figures, ...content } = await readReport("killed");
    const { run: wantedFigures, ...wantedContent } = wanted;
    expect(content).toEqual(wantedContent);
    expect(figures).toMatchObject({ id: runs.at(-1), inspected: wantedFigures.inspected, findingEvents: 1_500 });
  });

  it("uses as many processes as it is told, which end with it", { timeout: 60_000 }, async () => {
    await install(manyPackages(300));
    const { code, errors } = await audit(["--dir", "node_modules", "--workers", "3"]);
    expect({ code, errors }).toEqual({ code: 0, errors: "" });
    expect((await readReport()).packages).toBe(300);
  });

  it.each([
    [["--dir", "nowhere"], "there is no directory"],
    [["--workers", "none"], "--workers takes a whole number"],
    [["--unknown"], "--unknown"],
  ])("says what is wrong with %j", async (args, message) => {
    const { code, errors } = await audit(args);
    expect(code).toBe(2);
    expect(errors).toContain(message);
    expect(errors).toContain("npm start -- [--dir PATH]");
  });
});

function runOf(lines: readonly string[]): string {
  return /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(lines[0] ?? "")?.[0] ?? "";
}

function atLeast(least: number): (count: number) => boolean {
  return (count) => count >= least;
}

interface Report {
  readonly packages: number;
  readonly licences: Readonly<Record<string, number>>;
  readonly verdicts: Readonly<Record<string, number>>;
  readonly problems: readonly { readonly path: string; readonly verdict: string; readonly reason: string }[];
  readonly findings: readonly { readonly path: string }[];
  readonly run: {
    readonly id: string;
    readonly inspected: number;
    readonly reviewed: number;
    readonly findingEvents: number;
  };
}

async function readReport(out = "licence-audit"): Promise<Report> {
  const report: Report = JSON.parse(await readFile(join(folder, out, "report.json"), "utf8"));
  return report;
}

async function install(packages: Readonly<Record<string, object | string>>): Promise<void> {
  for (const [path, manifest] of Object.entries(packages)) {
    const file = join(folder, path, "package.json");
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, typeof manifest === "string" ? manifest : JSON.stringify(manifest));
  }
}

function manyPackages(count: number): Record<string, object> {
  const licences = ["MIT", "ISC", "GPL-2.0-only", "Apache-2.0", "something else"];
  const all = Array.from({ length: count }, (_, n) => [
    `node_modules/package-${String(n).padStart(5, "0")}`,
    { name: `package-${n}`, version: "1.0.0", license: licences[n % licences.length] },
  ]);
  return Object.fromEntries(all);
}

async function audit(
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly output: string; readonly errors: string }> {
  const run = start(args);
  const code = await run.ended;
  return { code, output: run.output(), errors: run.errors() };
}

function start(args: readonly string[]) {
  const environment = { ...process.env, INIT_CWD: folder };
  const child = spawn(node, [program, ...args], { cwd: folder, env: environment, stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const ended = once(child, "close").then(() => child.exitCode);
  const untilLines = async (count: number): Promise<readonly string[]> => {
    while (output.split("\n").length <= count && child.exitCode === null) {
      await Promise.race([once(child.stdout, "data"), ended]);
    }
    return output.split("\n");
  };
  return { child, ended, untilLines, output: () => output, errors: () => errors };
}
