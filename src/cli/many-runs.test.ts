import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CliScene, ids } from "../../test/support/cli-scene.ts";
import { type CommandOutcome, fakeSurroundings } from "../../test/support/cli-surroundings.ts";
import { runCommandLine } from "./main.ts";

let scene: CliScene;
beforeEach(async () => {
  scene = await CliScene.open();
});
afterEach(() => scene.close());

function millrace(...argv: readonly string[]): Promise<CommandOutcome> {
  return scene.run(argv);
}

/** On a terminal, with somebody who answers. */
function asked(answer: string, ...argv: readonly string[]): Promise<CommandOutcome> {
  return scene.run(argv, { columns: 80, stdin: answer, environment: { NO_COLOR: "1" } });
}

describe("many runs at once", () => {
  it("are cancelled by conditions, in a pipe only with --yes", async () => {
    await scene.start("run-more-0004", 1);
    const refused = await millrace("cancel", "--status", "running");
    expect(refused).toMatchObject({ code: 2, out: "" });
    expect(refused.err).toMatch(/nobody can be asked[\s\S]+--yes/);
    expect(await millrace("cancel", "--status", "running", "--yes", "--reason", "late")).toEqual({
      code: 0,
      out: "2 of 2 runs cancelled\n",
      err: "",
    });
    expect(await scene.json("show", ids.open)).toMatchObject({ status: "cancelled", failure: { message: "late" } });
    expect(await millrace("cancel", "--status", "running", "--yes")).toMatchObject({ out: "No runs are selected.\n" });
    expect(await millrace("cancel", "--status", "running")).toMatchObject({ code: 0 });
  });

  it("are asked about on a terminal", async () => {
    const no = await asked("\n", "pause", "--workflow", "orders", "--tag", `customer=${ids.open}`);
    expect(no).toMatchObject({ code: 7, out: "" });
    expect(no.err).toContain("Pause 1 run? [y/N] ");
    expect(no.err).toContain("not confirmed; nothing was done");
    expect(await scene.orchestrator.status(ids.open)).toBe("running");
    const yes = await asked("y\n", "pause", "--search", "run-open");
    expect(yes).toMatchObject({ code: 0, out: "1 of 1 run paused\n" });
    expect(yes.err).toContain("1 run visited, 1 paused, 0 skipped");
    expect(await asked("yes", "resume", "--status", "paused")).toMatchObject({ out: "1 of 1 run resumed\n" });
  });

  it("say who was skipped and why, for people and for programs", async () => {
    const outcome = await millrace("retry", "--workflow", "orders", "--yes");
    expect(outcome).toMatchObject({ code: 0, err: "" });
    expect(outcome.out).toMatch(
      /^1 of 3 runs retried, 2 skipped\n {2}run-open-0003 {2}ILLEGAL_TRANSITION {2}run .+\n {2}run-good-0001 {2}ILLEGAL/,
    );
    expect(await scene.json("delete", "--all", "--yes", "--limit", "2")).toMatchObject({
      matched: 2,
      changed: 0,
      skippedCount: 2,
      complete: false,
      skipped: [{ runId: ids.open, code: "RUN_OPEN" }, { runId: ids.bad }],
    });
  });

  it("are counted by a dry run, which asks nobody", async () => {
    expect(await millrace("delete", "--since", "1h", "--dry-run")).toEqual({
      code: 0,
      out: "would delete 3 runs\n",
      err: "",
    });
    expect(await scene.json("cancel", "--all", "--dry-run")).toMatchObject({ dryRun: true, matched: 3, changed: 0 });
    expect(await scene.orchestrator.status(ids.open)).toBe("running");
  });

  it("are told how far it came when it is interrupted", async () => {
    const { around, err, send } = fakeSurroundings({ directory: scene.directory });
    const running = runCommandLine(["cancel", "--all", "--yes"], {
      ...around,
      // The interrupt comes as soon as somebody listens.
      onSignal(listener) {
        const release = around.onSignal(listener);
        send("SIGINT");
        return release;
      },
    });
    expect(await running).toBe(7);
    expect(err()).toMatch(/stopped by its caller after 0 runs[\s\S]+code: CANCELLED/);
    expect(await scene.orchestrator.status(ids.open)).toBe("running");
  });

  it.each([
    [["cancel"]],
    [["cancel", "--limit", "3"]],
    [["cancel", "--yes"]],
    [["cancel", "run-open-0003", "--status", "running"]],
    [["cancel", "run-open-0003", "--dry-run"]],
    [["cancel", "--all", "--status", "running", "--yes"]],
    [["pause", "--status", "open", "--yes"]],
    [["retry", "--status", "failed", "--item", "1", "--yes"]],
    [["retry", "run-bad-0002", "--input", "1"]],
    [["delete", "--search", "", "--yes"]],
    [["cancel", "--workflow", "", "--status", "running", "--yes"]],
  ])("refuses %j", async (argv) => {
    expect(await millrace(...argv)).toMatchObject({ code: 2, out: "" });
    expect(await scene.orchestrator.status(ids.open)).toBe("running");
  });
});

describe("retry and delete", () => {
  it("retry a run, or one item with another input", async () => {
    expect(await millrace("retry", ids.bad)).toMatchObject({ code: 0, out: `${ids.bad} is running\n` });
    await scene.settle();
    expect(await scene.orchestrator.status(ids.bad)).toBe("failed");
    const outcome = await millrace("retry", ids.bad, "--item", "1", "--input", '{"amount":6}');
    expect(outcome).toEqual({
      code: 0,
      out: `${ids.bad} is running; item ${ids.bad}.1 is tried again\n`,
      err: "",
    });
    await scene.settle();
    expect(await scene.orchestrator.getRun(ids.bad)).toMatchObject({ status: "completed", output: { charged: 6 } });
    expect(await millrace("retry", ids.bad)).toMatchObject({ code: 4, out: "" });
    expect(await millrace("retry", ids.bad, "--item", "99")).toMatchObject({ code: 3 });
  });

  it("delete runs that have ended", async () => {
    expect(await millrace("delete", ids.good)).toMatchObject({ code: 0, out: `${ids.good} is deleted\n` });
    expect(await millrace("delete", ids.open)).toMatchObject({ code: 4, out: "" });
    expect(await scene.orchestrator.getRun(ids.good)).toBeUndefined();
  });
});
