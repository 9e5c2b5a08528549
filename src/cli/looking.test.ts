import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CliScene, ids, orders } from "../../test/support/cli-scene.ts";
import type { CommandOutcome } from "../../test/support/cli-surroundings.ts";
import { next, node, unchecked, workflow } from "../index.ts";

let scene: CliScene;
beforeAll(async () => {
  scene = await CliScene.open();
});
afterAll(() => scene.close());

function millrace(...argv: readonly string[]): Promise<CommandOutcome> {
  return scene.run(argv);
}

describe("list", () => {
  it("shows runs, newest first", async () => {
    const { code, out, err } = await millrace("list");
    expect([code, err]).toEqual([0, ""]);
    const [heading = "", ...rows] = out.trimEnd().split("\n");
    expect(heading.split(/ {2,}/)).toEqual([
      "RUN",
      "WORKFLOW",
      "STATUS",
      "STARTED",
      "TOOK",
      "DONE",
      "OPEN",
      "FAILED",
      "TAGS",
    ]);
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 3))).toEqual([
      [ids.open, "orders@1.0.0", "running"],
      [ids.bad, "orders@1.0.0", "failed"],
      [ids.good, "orders@1.0.0", "completed"],
    ]);
  });

  it.each([
    [
      ["--status", "failed,completed"],
      ["run-bad-0002", "run-good-0001"],
    ],
    [
      ["--status", "failed", "--status", "running"],
      ["run-open-0003", "run-bad-0002"],
    ],
    [["--workflow", "others"], []],
    [["--tag", "customer=run-bad-0002"], ["run-bad-0002"]],
    [["--search", "key-run-good"], ["run-good-0001"]],
    [["--search", "%"], []],
    [
      ["--since", "1h"],
      ["run-open-0003", "run-bad-0002", "run-good-0001"],
    ],
    [["--since", "2100-01-01T00:00:00Z"], []],
    [
      ["--limit", "1000000000", "--workflow", "orders"],
      ["run-open-0003", "run-bad-0002", "run-good-0001"],
    ],
  ])("takes %j", async (conditions, expected) => {
    const { runs } = await scene.json("list", ...conditions);
    expect((runs as { id: string }[]).map(({ id }) => id)).toEqual(expected);
  });

  it("goes on where a page ended", async () => {
    const first = await scene.json("list", "--limit", "2");
    const second = await scene.json("list", "--limit", "2", "--cursor", String(first.cursor));
    expect([first.runs, second.runs].flat()).toMatchObject([{ id: ids.open }, { id: ids.bad }, { id: ids.good }]);
    expect(second).not.toHaveProperty("cursor");
    expect((await millrace("list", "--limit", "1")).out).toContain("More: --cursor ");
  });

  it("says so when there is nothing", async () => {
    expect((await millrace("list", "--namespace", "other")).out).toBe("No runs.\n");
  });

  it.each([
    [["--status", "done"], "USAGE"],
    [["--limit", "0"], "USAGE"],
    [["--limit", "many"], "USAGE"],
    [["--since", "yesterday"], "INVALID_VALUE"],
    [["--cursor", "forged"], "INVALID_VALUE"],
    [["--namespace", "../x"], "INVALID_VALUE"],
    [["--tag", "x"], "USAGE"],
    [["--unknown"], "USAGE"],
    [["surplus"], "USAGE"],
  ])("refuses %j", async (options, code) => {
    const outcome = await millrace("list", ...options, "--json");
    expect(outcome).toMatchObject({ code: 2, out: "" });
    expect(JSON.parse(outcome.err)).toMatchObject({ error: { code } });
  });
});

describe("show", () => {
  it("tells status, times, items by node, payloads and the story", async () => {
    const { code, out } = await millrace("show", ids.good);
    expect(code).toBe(0);
    expect(out).toMatch(/^run {7}run-good-0001$/m);
    expect(out).toMatch(/^status {4}completed$/m);
    expect(out).toMatch(/^started {3}.+ \(\d{4}-\d\d-\d\dT.+Z\)$/m);
    expect(out).toMatch(/^charge +1 {2}1 completed$/m);
    expect(out).toContain('"charged": 5');
    expect(out).toMatch(/^Run run-good-0001 of orders@1\.0\.0 completed/m);
  });

  it("gives the same as JSON", async () => {
    expect(await scene.json("show", ids.bad)).toMatchObject({
      id: ids.bad,
      status: "failed",
      idempotencyKey: "key-run-bad-0002",
      createdAt: expect.stringMatching(/^\d{4}-.+Z$/),
      nodes: [
        { node: "check", total: 1, statuses: { completed: 1 } },
        { node: "charge", total: 1, statuses: { permanently_failed: 1 } },
      ],
      failure: { code: "ERROR", node: "charge", attempt: 2 },
      sentence: expect.stringContaining("failed"),
    });
  });

  it("takes a part of an id that fits one run only", async () => {
    expect(await scene.json("show", "bad-0002")).toMatchObject({ id: ids.bad });
    expect(await scene.json("show", "run-go")).toMatchObject({ id: ids.good });
    for (const [part, code, exit] of [
      ["run-", "RUN_NOT_FOUND", 3],
      ["0002", "RUN_NOT_FOUND", 3],
      ["n-good-00", "RUN_NOT_FOUND", 3],
    ] as const) {
      const outcome = await millrace("show", part, "--json");
      expect([outcome.code, JSON.parse(outcome.err).error.code]).toEqual([exit, code]);
    }
    await scene.orchestrator.startRun(orders, { amount: 1 }, { id: "run-good-0001-b" });
    expect(await scene.json("show", ids.good)).toMatchObject({ id: ids.good });
    const ambiguous = await millrace("show", "run-good");
    expect(ambiguous).toMatchObject({ code: 2, out: "" });
    expect(ambiguous.err).toContain("run-good-0001-b");
    await scene.orchestrator.cancel("run-good-0001-b");
    await scene.orchestrator.deleteRun("run-good-0001-b");
  });
});

describe("items, errors and explain", () => {
  it("list the items of a run", async () => {
    const { items } = await scene.json("items", ids.bad);
    expect(items).toMatchObject([
      { id: `${ids.bad}.0`, node: "check", status: "completed" },
      { id: `${ids.bad}.1`, node: "charge", status: "permanently_failed", attempts: 2 },
    ]);
    expect((await scene.json("items", ids.bad, "--status", "completed")).items).toHaveLength(1);
    expect((await scene.json("items", ids.bad, "--node", "charge")).items).toHaveLength(1);
    expect((await scene.json("items", ids.bad, "--limit", "1")).items).toHaveLength(1);
    expect((await millrace("items", ids.bad)).out).toMatch(/^ +1 {2}charge {2}permanently_failed +2 /m);
  });

  it("list every failed attempt", async () => {
    const { errors } = await scene.json("errors", ids.bad);
    expect(errors).toMatchObject([
      { attempt: 1, outcome: "retried", workerId: "w1", at: expect.stringMatching(/Z$/) },
      { attempt: 2, outcome: "failed", node: "charge" },
    ]);
    expect((await millrace("errors", ids.good)).out).toBe("No attempt has failed.\n");
  });

  it("say what a run or an item waits for", async () => {
    expect((await millrace("explain", ids.bad)).out).toMatch(/^Run run-bad-0002 .+ failed[\s\S]+released by: /m);
    expect(await scene.json("explain", ids.open)).toMatchObject({
      status: "running",
      items: [{ itemId: `${ids.open}.0` }],
    });
    for (const item of ["1", `${ids.bad}.1`]) {
      expect(await scene.json("explain", ids.bad, item)).toMatchObject({
        itemId: `${ids.bad}.1`,
        status: "permanently_failed",
      });
    }
    expect(await millrace("explain", ids.bad, "77")).toMatchObject({ code: 3, out: "" });
  });
});

describe("what is shown", () => {
  const commands = [
    ["list"],
    ["show", "run-bad-0002"],
    ["show", "run-good-0001"],
    ["items", "run-bad-0002"],
    ["errors", "run-bad-0002"],
    ["explain", "run-bad-0002"],
  ];

  it.each(commands)("by %s %s holds no control characters and no secrets", async (...command) => {
    for (const argv of [command, [...command, "--json"]]) {
      for (const columns of [undefined, 40]) {
        const { out, err } = await scene.run(argv, {
          ...(columns === undefined ? {} : { columns }),
          environment: { NO_COLOR: "1" },
        });
        expect(err).toBe("");
        expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/u);
        expect(out).not.toMatch(/hunter2|t0ps3cret|"pw"/);
      }
    }
  });

  it("holds secrets only for who asks", async () => {
    expect((await millrace("show", ids.good, "--reveal")).out).toContain("t0ps3cret");
    expect((await millrace("show", ids.good)).out).toContain("[redacted]");
  });
});

describe("workers and doctor", () => {
  it("show who works", async () => {
    expect((await scene.json("workers")).workers).toMatchObject([
      { workerId: "w1", liveness: "alive", workflows: ["orders@1.0.0"], items: [] },
    ]);
    expect((await millrace("workers")).out).toMatch(/^w1 +alive /m);
    expect((await millrace("workers", "--namespace", "other")).out).toMatch(/^No workers\. Start one/);
  });

  it("find nothing wrong where a worker takes what lies ready", async () => {
    const found = await scene.json("doctor");
    expect(found).toMatchObject({ ok: true });
    const names = (found.findings as { name: string; level: string }[]).map(({ name }) => name);
    expect(names).toEqual([
      "node",
      "url",
      "file system",
      "room",
      "schema",
      "integrity",
      "store",
      "durability",
      "clock",
      "workers",
      "sessions",
      "work",
    ]);
  });

  it("find work that nobody takes", async () => {
    const lone = node({ input: unchecked<null>(), queue: "gpu", run: () => next(null) });
    const rare = workflow({ name: "rare", version: "2.0.0", nodes: { lone }, start: "lone", edges: { lone: [] } });
    await scene.orchestrator.startRun(rare, null, { id: "rare-run" });
    const { code, out } = await millrace("doctor");
    expect(code).toBe(6);
    expect(out).toMatch(/^WRONG {2}work +no live worker for rare@2\.0\.0 \(queue gpu\), which has 1 open run$/m);
    await scene.orchestrator.cancel("rare-run");
    expect((await millrace("doctor")).code).toBe(0);
  });

  it("find a file that is damaged or not ours", async () => {
    writeFileSync(
      join(scene.directory, "noise.db"),
      "this is no database, and long enough to be looked at as one".repeat(100),
    );
    const { code, out } = await millrace("doctor", "--url", "sqlite:noise.db");
    expect(code).toBe(6);
    expect(out).toMatch(/^WRONG {2}store +BACKEND_CORRUPT/m);
  });
});
