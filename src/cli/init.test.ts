import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CommandOutcome, runCommand } from "../../test/support/cli-surroundings.ts";
import { packageName, projectFiles } from "./init/project-files.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "millrace-init-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const paths = projectFiles("x", "1.0.0").map(({ path }) => path);

function millrace(...argv: readonly string[]): Promise<CommandOutcome> {
  return runCommand(argv, { directory });
}

describe("init", () => {
  it("shows what it will write, writes it, and says what to do next", async () => {
    const { code, out, err } = await millrace("init", "My Greeter", "--yes");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toBe(
      `In My Greeter:\n${paths.map((path) => `  new   ${path}\n`).join("")}\nnext: cd "My Greeter" && npm install && npm test && npx millrace dev\n`,
    );
    const manifest = JSON.parse(readFileSync(join(directory, "My Greeter", "package.json"), "utf8"));
    expect(manifest).toMatchObject({ name: "my-greeter", type: "module", scripts: { dev: "millrace dev" } });
  });

  it("asks before it writes, and writes nothing without an answer", async () => {
    expect(await millrace("init")).toMatchObject({ code: 2 });
    expect(await runCommand(["init"], { directory, columns: 80, stdin: "n\n" })).toMatchObject({ code: 7 });
    expect(readdirSync(directory)).toEqual([]);
    const yes = await runCommand(["init"], { directory, columns: 80, stdin: "y\n" });
    expect(yes.code).toBe(0);
    expect(yes.err).toContain("Write these 6 files? [y/N] ");
    expect(readdirSync(directory).length).toBeGreaterThan(3);
  });

  it("overwrites nothing, not even through a link", async () => {
    writeFileSync(join(directory, "package.json"), '{"name":"mine"}');
    symlinkSync(join(directory, "nowhere"), join(directory, "millrace.config.ts"));
    const { code, out } = await millrace("init", "--yes");
    expect(code).toBe(0);
    expect(out).toMatch(
      /kept {2}package\.json\n {2}kept {2}millrace\.config\.ts\n\nyour package\.json is kept; it needs: npm /,
    );
    expect(readFileSync(join(directory, "package.json"), "utf8")).toBe('{"name":"mine"}');
    expect(readdirSync(directory)).not.toContain("nowhere");
    const again = await runCommand(["init", "--json"], { directory });
    expect(JSON.parse(again.out)).toMatchObject({ written: [], kept: paths });
  });

  it("says so where it cannot write", async () => {
    writeFileSync(join(directory, "src"), "a file");
    const { code, err } = await millrace("init", "--yes");
    expect([code, err]).toEqual([2, expect.stringContaining("src/greeting.ts cannot be written")]);
    expect(await millrace("init", "", "--yes")).toMatchObject({ code: 2 });
  });

  it.each([
    ["My Greeter", "my-greeter"],
    ["..", "workflows"],
    ["millrace", "workflows"],
    ["_x", "x"],
    ["größe 2", "gr-e-2"],
  ])("makes of the folder %j the name %s", (folder, name) => {
    expect(packageName(folder)).toBe(name);
  });
});

describe("the project", () => {
  const root = new URL("../../", import.meta.url).pathname;
  const node = process.execPath;

  it("fits its compiler's settings, every one strict", async () => {
    await millrace("init", "--yes");
    const packages = join(directory, "node_modules");
    mkdirSync(packages);
    for (const name of ["@types", "@standard-schema", "undici-types"])
      symlinkSync(join(root, "node_modules", name), join(packages, name));
    // The package as it is in the sources: what is built may be older.
    const settings = JSON.parse(readFileSync(join(directory, "tsconfig.json"), "utf8"));
    settings.compilerOptions.paths = {
      millrace: [join(root, "src/index.ts")],
      "millrace/testing": [join(root, "src/testing.ts")],
    };
    settings.compilerOptions.lib = ["es2024", "esnext"];
    writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(settings));
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const check = () => spawnSync(node, [compiler, "--pretty", "false"], { cwd: directory, encoding: "utf8" });
    const { status, stdout } = check();
    expect([status, stdout]).toEqual([0, ""]);
  });
});
