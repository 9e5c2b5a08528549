import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CliScene, ids } from "../../test/support/cli-scene.ts";
import { type CommandOutcome, fakeSurroundings, keptOutput } from "../../test/support/cli-surroundings.ts";
import { runCommandLine } from "./main.ts";
import { progressLines } from "./watch/run-progress.ts";

let scene: CliScene;
beforeAll(async () => {
  scene = await CliScene.open();
});
afterAll(() => scene.close());

function millrace(...argv: readonly string[]): Promise<CommandOutcome> {
  return scene.run(argv);
}

const INSTANT = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`;

describe("watch", () => {
  it("writes a line per event in a pipe, and tells by the exit code how the run ended", async () => {
    const good = await millrace("watch", ids.good);
    expect([good.code, good.err]).toEqual([0, ""]);
    const expected = [`check ${ids.good}\\.0 completed`, `charge ${ids.good}\\.1 completed`, "run is completed"];
    expect(good.out).toMatch(new RegExp(`^${expected.map((line) => `${INSTANT} ${line}\n`).join("")}$`));
    const bad = await millrace("watch", ids.bad);
    expect(bad.code).toBe(5);
    expect(bad.out).toMatch(/permanently_failed ERROR: bad .+ password=\[redacted\]\n.+run is failed\n$/);
  });

  it("writes a line of JSON per event", async () => {
    const { code, out } = await millrace("watch", ids.bad, "--json", "--after", "1");
    expect(code).toBe(5);
    const events = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events).toMatchObject([
      { type: "item", node: "charge", status: "permanently_failed", failure: { code: "ERROR" } },
      { type: "run", status: "failed", runId: ids.bad },
    ]);
  });

  it("follows a run while it goes on, and shows how far it is on a terminal", async () => {
    const id = await scene.start("watched-0001", 3);
    const options = { directory: scene.directory, columns: 60, environment: { NO_COLOR: "1" } };
    const { around, out } = fakeSurroundings(options);
    const watching = runCommandLine(["watch", id], around);
    while (!out().includes("0 of 1 items done")) await new Promise(setImmediate);
    await scene.settle();
    expect(await watching).toBe(0);
    expect(out()).toContain(`${id} of orders@1.0.0 is running\n${"░".repeat(24)}   0%`);
    expect(out().endsWith(`${id} is completed\n`)).toBe(true);
  });

  it("ends with the interrupt, and the run goes on", async () => {
    const id = await scene.start("watched-0002", 3);
    const { around, out, err, send } = fakeSurroundings({ directory: scene.directory });
    const watching = runCommandLine(["watch", id], around);
    while (!out().includes("run is running")) await new Promise(setImmediate);
    send("SIGINT");
    expect(await watching).toBe(7);
    expect(err()).toContain("code: CANCELLED");
  });

  it.each([
    [["watch", "unknown-run"], 3],
    [["watch"], 2],
    [["watch", ids.good, "--after", "-1"], 2],
  ])("refuses %j", async (argv, code) => {
    expect(await millrace(...argv)).toMatchObject({ code, out: "" });
  });
});

describe("progress", () => {
  const run = { id: "r-1", workflow: "orders", version: "1" };
  const state = { status: "running", items: 8, open: 2, completed: 5, failed: 1 } as const;

  it("is a bar and a line per node, none wider than the terminal", () => {
    const nodes = new Map([
      ["fetch", new Map([["completed", new Set(["a", "b"])]])],
      [
        "a-node-with-a-long-name",
        new Map([
          ["waiting_retry", new Set(["c"])],
          ["completed", new Set<string>()],
        ]),
      ],
    ]);
    const { output } = keptOutput({ columns: 70, environment: { NO_COLOR: "1" } });
    expect(progressLines(output, run, state, nodes, 61_000)).toEqual([
      "r-1 of orders@1 is running",
      `${"█".repeat(18)}${"░".repeat(6)}  75%  5 of 8 items done, 2 open, 1 failed  1m`,
      "  fetch                    2 completed",
      "  a-node-with-a-long-name  1 waiting_retry",
    ]);
    const narrow = keptOutput({ columns: 20, environment: { NO_COLOR: "1" } });
    for (const line of progressLines(narrow.output, run, state, nodes, 0)) expect([...line].length).toBeLessThan(21);
  });

  it("names so many nodes and no more", () => {
    const nodes = new Map(Array.from({ length: 30 }, (_, at) => [`n${at}`, new Map([["held", new Set(["x"])]])]));
    const lines = progressLines(keptOutput({ columns: 80 }).output, run, { ...state, items: 0, open: 0 }, nodes, 0);
    expect([lines.length, lines.at(-1)]).toEqual([15, "  … 18 more nodes"]);
  });
});
