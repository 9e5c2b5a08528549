import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { connect, DistributedOrchestrator } from "../../../src/index.ts";
import { type CommandOutcome, runCommand } from "../../support/cli-surroundings.ts";
import { SQLITE } from "../harness/store-sites.ts";
import { until } from "../harness/until.ts";
import { fill, newFolder, newStore, OUTCOME, on, outcomes, PAIRS, statuses, work } from "./moved-stores.ts";
import { node } from "./project.ts";

const RUNS = 9;

function millrace(directory: string, ...argv: readonly string[]): Promise<CommandOutcome> {
  return runCommand(argv, { directory });
}

/** What a command says with `--json`; it must succeed. */
async function told(directory: string, ...argv: readonly string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await millrace(directory, ...argv, "--json");
  expect({ code, err }, `millrace ${argv.join(" ")}`).toEqual({ code: 0, err: "" });
  return JSON.parse(out);
}

const NAMED = PAIRS.map(([from, to]) => ({ from, to, name: `${from.name} to ${to.name}` }));

describe.each(NAMED)("from $name", ({ from, to }) => {
  test("runs that have ended are copied, and again without effect", async () => {
    const [source, target, folder] = [await newStore(from), await newStore(to), newFolder()];
    await fill(source, RUNS);
    const before = await statuses(source);
    expect(await told(folder, "export", "--url", source, "--to", target)).toMatchObject({
      runs: 3,
      open: 6,
      paused: 0,
    });
    expect(await told(folder, "import", "--url", target, "--from", source)).toMatchObject({
      runs: 0,
      existing: 3,
      open: 6,
    });
    expect(await statuses(source)).toEqual(before);
    expect(await outcomes(target)).toEqual([OUTCOME, OUTCOME, OUTCOME]);
  });

  test("all runs are moved, and come to their ends there", async () => {
    const [source, target, folder] = [await newStore(from), await newStore(to), newFolder()];
    await fill(source, RUNS);
    const moved = await told(folder, "export", "--url", source, "--to", target, "--move", "--resume", "--yes");
    expect(moved).toMatchObject({ runs: 9, paused: 6, removed: 9, resumed: 6, skippedCount: 0 });
    expect(await statuses(source)).toEqual({});
    await on(target, (backend) => work(backend));
    expect(await outcomes(target)).toEqual(Array.from({ length: RUNS }, () => OUTCOME));
  });

  test("all runs are moved by way of a file, and come to their ends there", async () => {
    const [source, target, folder] = [await newStore(from), await newStore(to), newFolder()];
    await fill(source, RUNS);
    const written = await millrace(folder, "export", "--url", source, "--to", "runs.jsonl", "--move", "--yes");
    expect(written).toEqual({ code: 0, err: "", out: `9 runs written to ${join(folder, "runs.jsonl")}\n` });
    expect(await statuses(source)).toEqual({});
    const text = readFileSync(join(folder, "runs.jsonl"), "utf8");
    const taken = await runCommand(["import", "--url", target, "--from", "-"], { directory: folder, stdin: text });
    expect(taken).toMatchObject({ code: 0, err: "" });
    expect(taken.out).toMatch(
      /^9 runs imported into .+\n6 runs arrived paused. To go on: millrace resume --status paused --url .+\n$/,
    );
    expect(await told(folder, "resume", "--url", target, "--status", "paused", "--yes")).toMatchObject({ changed: 6 });
    await on(target, (backend) => work(backend));
    expect(await outcomes(target)).toEqual(Array.from({ length: RUNS }, () => OUTCOME));
  });
});

test.each(NAMED.slice(0, 3))(
  "a move from $name whose process is killed again and again loses no run and leaves none twice",
  async ({ from, to }) => {
    const [source, target, folder] = [await newStore(from), await newStore(to), newFolder()];
    const count = 45;
    await fill(source, count);
    let kills = 0;
    for (let left = count; left > 0; ) {
      const child = spawn(
        node,
        [fileURLToPath(new URL("command-process.ts", import.meta.url)), ...MOVE(source, target)],
        {
          cwd: folder,
          stdio: "ignore",
        },
      );
      const ended = once(child, "close");
      const before = left;
      // As soon as it has got anywhere, and later each time.
      await until("the move goes on", async () => {
        left = Object.keys(await statuses(source)).length;
        return left < before - 2 - kills || child.exitCode !== null;
      });
      kills += child.exitCode === null && child.kill("SIGKILL") ? 1 : 0;
      await ended;
      left = Object.keys(await statuses(source)).length;
    }
    expect(kills).toBeGreaterThan(2);
    expect(await told(folder, ...MOVE(source, target))).toMatchObject({ skippedCount: 0 });
    await on(target, (backend) => work(backend));
    expect(await outcomes(target)).toEqual(Array.from({ length: count }, () => OUTCOME));
  },
);

const MOVE = (source: string, target: string): readonly string[] => [
  ...["export", "--url", source, "--to", target, "--move", "--resume", "--yes"],
];

describe("what is exported and imported", () => {
  const source = async (runs = 3): Promise<string> => {
    const url = await newStore(SQLITE);
    await fill(url, runs);
    return url;
  };

  test("is selected by conditions or ids", async () => {
    const [url, folder] = [await source(6), newFolder()];
    const byTag = await millrace(folder, "export", "--url", url, "--to", "-", "--tag", "at=end", "--search", "run-2");
    expect(byTag.err).toBe("1 run written to standard output\n");
    expect(byTag.out.split("\n").filter((line) => line.startsWith('["run"'))).toHaveLength(1);
    expect(JSON.parse(byTag.out.split("\n", 1)[0] ?? "")).toMatchObject(["millrace-runs", 1, {}]);
    expect(await millrace(folder, "export", "run-5", "--url", url, "--to", "one.jsonl")).toMatchObject({ code: 0 });
    const open = await millrace(folder, "export", "run-1", "--url", url, "--to", "open.jsonl");
    expect(open).toMatchObject({ code: 4, err: "" });
    expect(open.out).toMatch(/^0 runs written to .+, 1 skipped\n {2}run-1 {2}RUN_OPEN {2}run run-1 has not ended/);
    expect(await millrace(folder, "export", "run-9", "--url", url, "--to", "-")).toMatchObject({ code: 3, out: "" });
  });

  test("goes into a file that only its owner can read, and replaces none that is there", async () => {
    const [url, folder] = [await source(), newFolder()];
    const path = join(folder, "runs.jsonl");
    expect(await millrace(folder, "export", "--url", url, "--to", "runs.jsonl")).toMatchObject({ code: 0 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = await millrace(folder, "export", "--url", url, "--to", "runs.jsonl");
    expect(again).toMatchObject({ code: 2, out: "" });
    expect(again.err).toMatch(/exists already[\s\S]+--overwrite/);
    const replaced = await millrace(folder, "export", "--url", url, "--to", "runs.jsonl", "--overwrite");
    expect(replaced.out).toMatch(/^1 run written to .+\n2 that are open were left alone; --move takes them along\.\n$/);
    expect(readdirSync(folder)).toEqual(["runs.jsonl"]);
  });

  test("leaves nothing behind where the file cannot be written, and runs go on that were to be moved", async () => {
    const [url, folder] = [await source(), newFolder()];
    const before = await statuses(url);
    const failed = await millrace(folder, "export", "--url", url, "--to", "none/runs.jsonl", "--move", "--yes");
    expect(failed).toMatchObject({ code: 2, out: "" });
    expect(failed.err).toMatch(/cannot be written/);
    expect([await statuses(url), readdirSync(folder)]).toEqual([before, []]);
  });

  test("is refused with the number of the line where a file is damaged, and goes on once it is whole", async () => {
    const [url, target, folder] = [await source(6), await newStore(SQLITE), newFolder()];
    await millrace(folder, "export", "--url", url, "--to", "runs.jsonl");
    const lines = readFileSync(join(folder, "runs.jsonl"), "utf8").split("\n");
    writeFileSync(join(folder, "cut.jsonl"), lines.slice(0, -4).join("\n"));
    const cut = await millrace(folder, "import", "--url", target, "--from", "cut.jsonl");
    expect(cut).toMatchObject({ code: 2, out: "" });
    expect(cut.err).toMatch(`line ${lines.length - 3}: the file ends before its end in the middle of run`);
    expect(Object.keys(await statuses(target))).toHaveLength(1);
    const json = await millrace(folder, "import", "--url", target, "--from", "cut.jsonl", "--json");
    expect(JSON.parse(json.err)).toMatchObject({
      error: { code: "INVALID_VALUE", details: { line: lines.length - 3 } },
    });
    expect(await told(folder, "import", "--url", target, "--from", "runs.jsonl")).toMatchObject({
      runs: 1,
      existing: 1,
    });
    expect(await millrace(folder, "import", "--url", target, "--from", "none.jsonl")).toMatchObject({ code: 2 });
  });

  test("is told as skipped where another run is in its place", async () => {
    const [url, target, folder] = [await source(), await source(), newFolder()];
    await on(target, async (backend) => {
      await new DistributedOrchestrator({ backend }).cancel("run-3");
    });
    const moved = await millrace(folder, ...MOVE(url, target));
    expect(moved).toMatchObject({ code: 4, err: "" });
    expect(moved.out).toMatch(/^0 runs moved to .+, 3 skipped\n( {2}run-\d {2}RUN_EXISTS {2}.+\n){3}$/);
    expect(Object.keys(await statuses(url))).toHaveLength(3);
  });

  test("stays in its namespace, or goes to another", async () => {
    const [url, target, folder] = [await source(), await newStore(SQLITE), newFolder()];
    await told(folder, "export", "--url", url, "--to", target, "--to-namespace", "archive");
    expect(await statuses(target)).toEqual({});
    await using archive = await connect(target, { namespace: "archive" });
    expect((await archive.operations.read.runs({}, {})).entries).toHaveLength(1);
    const back = ["import", "--url", target, "--from", target, "--from-namespace", "archive"];
    expect(await told(folder, ...back)).toMatchObject({ runs: 1 });
  });

  test("is never moved to where it is, without being asked, or to nowhere", async () => {
    const [url, folder] = [await source(), newFolder()];
    const before = await statuses(url);
    const same = await millrace(folder, "export", "--url", url, "--to", url, "--move", "--yes");
    expect(same).toMatchObject({ code: 2, out: "" });
    expect(same.err).toMatch(/both are the same store/);
    for (const [message, ...argv] of [
      ["nobody can be asked", "--to", "runs.jsonl", "--move"],
      ["standard output", "--to", "-", "--move", "--yes"],
      ["open runs cannot be copied", "--to", "runs.jsonl", "--status", "running,failed"],
      ["memory", "--to", "memory:"],
      ["--resume goes with", "--to", "x.jsonl", "--resume"],
      ["a condition is empty", "--to", "x.jsonl", "--workflow", ""],
      ["not both", "--to", "x.jsonl", "run-1", "--status", "failed"],
      ["required option", "--json"],
    ]) {
      const refused = await millrace(folder, "export", "--url", url, ...argv);
      expect(refused, argv.join(" ")).toMatchObject({ code: 2, out: "" });
      expect(refused.err).toContain(message);
    }
    expect([await statuses(url), readdirSync(folder)]).toEqual([before, []]);
  });

  test("makes no store where runs were to be read", async () => {
    const folder = newFolder();
    const url = `sqlite:${join(folder, "target.db")}`;
    expect(await millrace(folder, "import", "--url", url, "--from", "sqlite:none.db")).toMatchObject({ code: 3 });
    expect(await millrace(folder, "export", "--url", "sqlite:none.db", "--to", url)).toMatchObject({ code: 3 });
    expect([existsSync(join(folder, "none.db")), existsSync(join(folder, "target.db"))]).toEqual([false, false]);
  });
});
