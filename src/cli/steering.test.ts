import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CliScene, ids } from "../../test/support/cli-scene.ts";
import { type CommandOutcome, fakeSurroundings, runCommand } from "../../test/support/cli-surroundings.ts";
import { COMMANDS } from "./command-list.ts";

let scene: CliScene;
beforeAll(async () => {
  scene = await CliScene.open();
});
afterAll(() => scene.close());

function millrace(...argv: readonly string[]): Promise<CommandOutcome> {
  return scene.run(argv);
}

describe("cancel, pause and resume", () => {
  let id = "";
  let round = 0;
  beforeEach(async () => {
    round += 1;
    id = await scene.start(`steered-${round}`, 1);
  });

  it("steer a run, say what became of it, and keep who asked", async () => {
    expect(await millrace("pause", id)).toMatchObject({ code: 0, out: `${id} is paused\n` });
    expect(await millrace("pause", id)).toMatchObject({ code: 0, out: `${id} was paused already\n` });
    expect(await scene.json("resume", id)).toEqual({ runs: [{ runId: id, status: "running", changed: true }] });
    expect(await millrace("cancel", id, "--reason", "a mistake")).toMatchObject({
      code: 0,
      out: `${id} is cancelled\n`,
    });
    expect(await scene.json("show", id)).toMatchObject({ status: "cancelled", failure: { message: "a mistake" } });
    const history = await scene.orchestrator.history(id);
    expect(history.filter(({ type }) => type === "control")).toMatchObject([
      { actor: "cli:tester" },
      { actor: "cli:tester" },
      { actor: "cli:tester" },
    ]);
    expect(await millrace("resume", id, "--timeout", "2h", "--max-items", "10")).toMatchObject({ code: 0 });
    await scene.orchestrator.cancel(id);
  });

  it("do what they can of several, report the rest, and tell it by the exit code", async () => {
    const outcome = await millrace("cancel", ids.good, "unknown-run", id);
    expect(outcome.code).toBe(4);
    expect(outcome.out).toBe(`${id} is cancelled\n`);
    expect(outcome.err).toMatch(/RUN_CLOSED[\s\S]+RUN_NOT_FOUND/);
    const asJson = await millrace("cancel", "unknown-run", id, "--json");
    expect(asJson.code).toBe(3);
    expect(JSON.parse(asJson.out).runs).toMatchObject([
      { runId: "unknown-run", error: { code: "RUN_NOT_FOUND" } },
      { runId: id, changed: false },
    ]);
  });

  it.each([
    [["resume", "x", "--timeout", "soon"], 2],
    [["resume", "x", "--max-items", "0"], 2],
    [["cancel"], 2],
  ])("refuse %j", async (argv, code) => {
    expect((await millrace(...argv.map((word) => (word === "x" ? id : word)))).code).toBe(code);
    await scene.orchestrator.cancel(id);
  });
});

describe("start, by name alone", () => {
  it("starts what was published, with everything that was asked for", async () => {
    const options = [
      "--key",
      "k",
      "--id",
      "started-1",
      "--tag",
      "a=1",
      "--tag",
      "b=2",
      "--priority",
      "-3",
      "--delay",
      "1h",
    ];
    const outcome = await scene.run(["start", "orders", "--input", "-", ...options], { stdin: '{"amount":3}' });
    expect(outcome).toEqual({ code: 0, out: "started-1\n", err: "" });
    expect(await scene.orchestrator.getRun("started-1")).toMatchObject({
      input: { amount: 3 },
      tags: { a: "1", b: "2" },
      priority: -3,
      idempotencyKey: "k",
    });
    expect(await scene.json("start", "orders", "--input", '{"amount":3}', "--key", "k")).toEqual({
      runId: "started-1",
      workflow: "orders",
      existing: true,
    });
    expect(await millrace("start", "orders", "--input", "4", "--key", "k")).toMatchObject({ code: 4 });
    expect((await scene.json("start", "orders@1.0.0", "--id", "started-2")).runId).toBe("started-2");
    for (const id of ["started-1", "started-2"]) await scene.orchestrator.cancel(id);
  });

  it("waits for the output, and tells by the exit code how it ended", async () => {
    const waiting = scene.run(["start", "orders", "--input", '{"amount":3}', "--wait", "--timeout", "1m"]);
    const failing = scene.run(["start", "orders", "--input", '{"amount":-3}', "--wait", "--json"]);
    const id = await started(2);
    await scene.settle();
    expect(id).toHaveLength(2);
    const good = await waiting;
    expect(JSON.parse(good.out)).toMatchObject({ charged: 3, token: "[redacted]" });
    expect([good.code, good.err]).toEqual([0, expect.stringMatching(/^run .+ started; waiting for its end\n$/)]);
    const bad = await failing;
    expect([bad.code, bad.out, JSON.parse(bad.err).error.code]).toEqual([5, "", "RUN_FAILED"]);
  });

  it("gives up waiting when told to, and the run goes on", async () => {
    const outcome = await millrace("start", "orders", "--id", "patient", "--wait", "--timeout", "1ms");
    expect(outcome.code).toBe(7);
    expect(outcome.err).toContain("TIMEOUT");
    expect(await scene.orchestrator.status("patient")).toBe("running");
    await scene.orchestrator.cancel("patient");
  });

  it.each([
    [["start", "unknown"], 3],
    [["start", "orders@9.9.9"], 3],
    [["start", "orders", "--input", "{"], 2],
    [["start", "orders", "--priority", "high"], 2],
    [["start", "orders", "--delay", "soon"], 2],
    [["start", "orders", "--at", "tomorrow"], 2],
    [["start", "orders", "--id", "../../etc/passwd"], 2],
    [["start", "orders", "--tag", "x'; DROP TABLE=1"], 2],
    [["start", "orders", "--context", "[]"], 2],
    [["start", "orders", "--input", "-", "--context", "-"], 2],
    [["start", "orders", "--timeout", "1s"], 2],
    [["start", "orders", "--workflows", "missing.ts"], 2],
    [["start"], 2],
  ])("refuses %j", async (argv, code) => {
    const outcome = await millrace(...argv);
    expect([outcome.code, outcome.out]).toEqual([code, ""]);
    expect(outcome.err).toMatch(/^error: [\s\S]+\n {2}code: [A-Z_]+\n/);
  });

  async function started(count: number): Promise<readonly string[]> {
    const now = await scene.backend.operations.now();
    for (;;) {
      const { entries } = await scene.orchestrator.listRuns({ status: "running", since: now - 60_000 });
      const fresh = entries.filter(({ id }) => !([ids.good, ids.bad, ids.open] as readonly string[]).includes(id));
      if (fresh.length >= count) return fresh.map(({ id }) => id);
      await new Promise(setImmediate);
    }
  }
});

describe("where there is no store", () => {
  it.each([
    ["list"],
    ["show", "x"],
    ["items", "x"],
    ["errors", "x"],
    ["explain", "x"],
    ["workers"],
    ["cancel", "x"],
    ["pause", "x"],
    ["resume", "x"],
    ["doctor"],
    ["start", "x"],
  ])("%s makes none, says what to do, and runs no code of the project", async (...argv) => {
    const empty = mkdtempSync(join(tmpdir(), "millrace-cli-"));
    try {
      if (argv[0] !== "start") {
        writeFileSync(join(empty, "package.json"), "{}");
        writeFileSync(join(empty, "millrace.config.mjs"), 'throw new Error("this code was run")');
      }
      const files = readdirSync(empty);
      const { code, out, err } = await runCommand(argv, { directory: empty });
      expect([code, readdirSync(empty)]).toEqual([3, files]);
      expect(out + err).toMatch(/STORE_NOT_FOUND[\s\S]+millrace worker/);
      expect((await runCommand([...argv, "--url", "sqlite:other.db"], { directory: empty })).code).toBe(3);
      expect(existsSync(join(empty, "other.db"))).toBe(false);
    } finally {
      rmSync(empty, { recursive: true, force: true });
    }
  });
});

describe("the command line itself", () => {
  const names = COMMANDS.map(({ name }) => name);

  it.each(names)("%s has help with an example and the options of all", async (name) => {
    const { code, out, err } = await millrace(name, "--help");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^Examples?:\n {2}# .+\n {2}\$ millrace /m);
    for (const option of ["--json", "--url", "--namespace", "--help"]) expect(out).toContain(option);
  });

  it.each(COMMANDS)("$name says of itself what the program's help says", async ({ name, summary, load }) => {
    const { around } = fakeSurroundings({ directory: scene.directory });
    const command = (await load())({ around, commands: COMMANDS, exitCode: 0 });
    expect([command.name(), command.summary()]).toEqual([name, summary]);
    expect((await millrace("help", name)).out).toContain(`${summary}.`);
  });

  it("shows its version, its help, and what it does not know", async () => {
    expect((await millrace("--version")).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await millrace("--help")).out).toContain("doctor");
    expect(await millrace()).toMatchObject({ code: 2, out: "" });
    const unknown = await millrace("lsit");
    expect(unknown).toMatchObject({ code: 2, out: "" });
    expect(unknown.err).toContain("Did you mean list?");
  });
});
