/** What the README shows is run as it stands: its programs in an empty folder, and its commands looked up. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const readme = await readFile(join(root, "README.md"), "utf8");

interface Fence {
  readonly language: string;
  readonly code: string;
}

const fences: readonly Fence[] = [...readme.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(
  ([, language = "", code = ""]) => ({
    language,
    code,
  }),
);
const programs = fences.filter(({ language }) => language === "ts").map(({ code }) => code);
const commands = fences.filter(({ language }) => language === "sh").flatMap(({ code }) => code.trim().split("\n"));

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-readme-"));
  await mkdir(join(folder, "node_modules"));
  await symlink(root, join(folder, "node_modules", "millrace"), "dir");
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("the README", () => {
  it("has only code that these tests know how to run", () => {
    expect(programs.length).toBeGreaterThan(0);
    expect(fences.map(({ language }) => language).filter((language) => language !== "ts" && language !== "sh")).toEqual(
      [],
    );
  });

  it.each(programs.map((code, at) => [at + 1, code] as const))(
    "shows a program (%i) that prints what it says",
    async (at, code) => {
      const promised = [...code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map((match) => match[1]);
      expect(promised.length).toBeGreaterThan(0);
      const file = join(folder, `program-${at}.ts`);
      await writeFile(file, code);
      const first = await runProgram(file);
      expect(first).toEqual({ code: 0, errors: "", lines: promised });
      // It is durable: a second time, beside what the first left behind, it does the same.
      expect(await runProgram(file)).toEqual(first);
    },
  );

  it("names only npm scripts that exist", async () => {
    const manifest: { scripts: Record<string, string> } = JSON.parse(
      await readFile(join(root, "package.json"), "utf8"),
    );
    const named = commands
      .filter((command) => /^npm (?!install )/.test(command))
      .map((command) => /^npm (start|test|run ([\w:]+))/.exec(command))
      .map((match) => match?.[2] ?? match?.[1]);
    expect(named.length).toBeGreaterThan(0);
    for (const script of named) expect(Object.keys(manifest.scripts)).toContain(script);
  });

  it("gives the promise in the words of the contract", () => {
    for (const words of [
      "may run **more than once**",
      "happens **exactly once**, atomically, or not at all",
      "as durable as the backend's tier",
    ]) {
      expect(readme).toContain(words);
    }
  });
});

async function runProgram(
  file: string,
): Promise<{ readonly code: number | null; readonly errors: string; readonly lines: string[] }> {
  const child = spawn(join(root, "node_modules", ".bin", "node"), [file], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  await once(child, "close");
  return { code: child.exitCode, errors, lines: output.trim().split("\n") };
}
