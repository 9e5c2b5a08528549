import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CliScene, ids } from "../../test/support/cli-scene.ts";
import type { CommandOutcome } from "../../test/support/cli-surroundings.ts";
import { COMMANDS } from "./command-list.ts";

const source = `
import { context, field, next, node, unchecked, workflow } from ${JSON.stringify(fileURLToPath(new URL("../index.ts", import.meta.url)))};
const Shared = context({ token: field.register<string>("none"), count: field.counter(1) });
export const counted = workflow({
  name: "counted", version: "2", context: Shared,
  nodes: { add: node({ context: Shared, input: unchecked<number>(), run({ input, context }) {
    context.count.add(input); return next(input);
  } }) },
  start: "add", edges: { add: [] },
});
`;

let scene: CliScene;
beforeAll(async () => {
  scene = await CliScene.open();
  writeFileSync(join(scene.directory, "counted.ts"), source);
  writeFileSync(
    join(scene.directory, "two.ts"),
    `export * from "./counted.ts";\n${source.replaceAll("counted", "other")}`,
  );
});
afterAll(() => scene.close());

function millrace(...argv: readonly string[]): Promise<CommandOutcome> {
  return scene.run(argv);
}

describe("workflows", () => {
  it("lists what was published, and who works on it", async () => {
    const { code, out } = await millrace("workflows");
    expect(code).toBe(0);
    expect(out).toMatch(/^WORKFLOW +VERSION +NODES +WORKERS +PUBLISHED +DEFINITION\norders +1\.0\.0 +2 +[01] +\S/);
    expect((await scene.json("workflows")).workflows).toMatchObject([
      { name: "orders", version: "1.0.0", nodes: 2, hash: expect.stringMatching(/^[0-9a-f]+$/) },
    ]);
    expect((await millrace("workflows", "--namespace", "other")).out).toMatch(/^No workflows\. .+millrace worker\n$/);
  });
});

describe("graph", () => {
  it("draws what was published, without any code", async () => {
    const { code, out, err } = await millrace("graph", "orders");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^digraph "orders 1\.0\.0" \{\n[\s\S]+n1 -> n0;[\s\S]+\}\n$/);
    expect((await millrace("graph", "orders@1.0.0", "--format", "mermaid")).out).toMatch(/^flowchart LR\n/);
    expect(await scene.json("graph", "orders")).toMatchObject({
      workflow: "orders",
      version: "1.0.0",
      format: "dot",
      graph: out,
    });
  });

  it("draws SVG", async () => {
    const { code, out } = await millrace("graph", "orders", "--format", "svg");
    expect(code).toBe(0);
    expect(out).toMatch(/<svg [\s\S]+>check<\/text>[\s\S]+<\/svg>\n$/);
  });

  it("draws what a file exports", async () => {
    expect((await millrace("graph", "--workflows", "counted.ts")).out).toContain('digraph "counted 2"');
    expect((await millrace("graph", "other", "--workflows", "two.ts")).out).toContain('digraph "other 2"');
    const several = await millrace("graph", "--workflows", "two.ts");
    expect([several.code, several.err]).toEqual([2, expect.stringMatching(/Name one of: .*counted/)]);
  });

  it.each([
    [["graph", "unknown"], 3],
    [["graph", "orders@9"], 3],
    [["graph", "unknown", "--workflows", "counted.ts"], 3],
    [["graph"], 2],
    [["graph", "orders", "--format", "png"], 2],
    [["graph", "--workflows", "missing.ts"], 2],
  ])("refuses %j", async (argv, code) => {
    expect(await millrace(...argv)).toMatchObject({ code, out: "" });
  });
});

describe("context", () => {
  it("folds the context by the code that is named", async () => {
    await scene.run(["start", "counted", "--id", "counted-1", "--input", "4", "--workflows", "counted.ts"]);
    const shown = await millrace("context", "counted-1", "--workflows", "counted.ts");
    expect([shown.code, shown.err]).toEqual([0, ""]);
    expect(JSON.parse(shown.out)).toEqual({ count: 1, token: "[redacted]" });
    expect(await scene.json("context", "counted-1", "--at", "0", "--reveal", "--workflows", "counted.ts")).toEqual({
      runId: "counted-1",
      sequence: 0,
      context: { count: 1, token: "none" },
    });
    expect(await millrace("context", "counted-1", "--at", "99", "--workflows", "counted.ts")).toMatchObject({
      code: 2,
    });
  });

  it("runs no code that is not named, not even the project's own configuration", async () => {
    const outcome = await millrace("context", ids.good);
    expect(outcome).toMatchObject({ code: 2, out: "" });
    expect(outcome.err).toContain("--workflows");
  });

  it("says what it lacks where the named file is of other workflows", async () => {
    const outcome = await millrace("context", ids.good, "--workflows", "counted.ts");
    expect(outcome).toMatchObject({ code: 3, out: "" });
    expect(outcome.err).toContain("UNKNOWN_WORKFLOW");
    expect(await millrace("context", "unknown-run", "--workflows", "counted.ts")).toMatchObject({ code: 3 });
  });
});

describe("cleanup", () => {
  it("removes what ended long ago, and needs to be told how long", async () => {
    expect(await millrace("cleanup")).toMatchObject({ code: 2, out: "" });
    expect(await millrace("cleanup", "--older-than", "old")).toMatchObject({ code: 2 });
    expect(await millrace("cleanup", "--older-than", "1h")).toEqual({ code: 0, out: "0 runs removed\n", err: "" });
    await scene.start("gone-soon", 1);
    await scene.orchestrator.cancel("gone-soon");
    while ((await scene.json("cleanup", "--older-than", "0")).removed === 0);
    expect(await scene.orchestrator.getRun("gone-soon")).toBeUndefined();
    expect(await scene.orchestrator.status(ids.open)).toBe("running");
  });
});

describe("completion", () => {
  it.each(["bash", "zsh", "fish"])("for %s knows every command and option", async (shell) => {
    const { code, out, err } = await millrace("completion", shell);
    expect([code, err]).toEqual([0, ""]);
    for (const { name } of COMMANDS) expect(out).toContain(name);
    for (const option of ["older-than", "dry-run", "namespace"]) expect(out).toContain(option);
    expect(await scene.json("completion", shell)).toEqual({ shell, script: out });
    expect(await millrace("completion", "tcsh")).toMatchObject({ code: 2, out: "" });
  });

  it("completes in a real bash", async () => {
    const folder = join(scene.directory, "bash");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "completion.bash"), (await millrace("completion", "bash")).out);
    const complete = (...words: readonly string[]): readonly string[] => {
      const script = `source ./completion.bash
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _millrace; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const bash = spawnSync("bash", ["--norc", "-c", script, "bash", "millrace", ...words], {
        cwd: folder,
        encoding: "utf8",
      });
      if (bash.error !== undefined)
        throw new Error("this test needs bash: apt-get install bash", { cause: bash.error });
      expect(bash.stderr).toBe("");
      return bash.stdout.trim().split("\n");
    };
    expect(complete("wor")).toEqual(["worker", "workflows", "workers"].sort((a, b) => order(a) - order(b)));
    expect(complete("graph", "--fo")).toEqual(["--format"]);
    expect(complete("graph", "orders", "--format", "")).toEqual(["dot", "mermaid", "svg"]);
    expect(complete("completion", "")).toEqual(expect.arrayContaining(["bash", "zsh", "fish"]));
    expect(complete("worker", "--workflows", "comp")).toEqual(["completion.bash"]);
    expect(complete("help", "clean")).toEqual(["cleanup"]);
  });
});

function order(name: string): number {
  return COMMANDS.findIndex((command) => command.name === name);
}
