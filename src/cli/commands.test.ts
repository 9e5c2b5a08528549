import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type CommandOutcome, type FakeOptions, runCommand } from "../../test/support/cli-surroundings.ts";
import {
  type Backend,
  connect,
  DistributedOrchestrator,
  DistributedWorker,
  next,
  node,
  unchecked,
  workflow,
} from "../index.ts";

const hostile = "bad \u001b]0;owned\u0007\u001b[31mred\u202e password=hunter2";

const check = node({ input: unchecked<{ amount: number; password?: string }>(), run: ({ input }) => next(input) });
const charge = node({
  input: unchecked<{ amount: number; password?: string }>(),
  retry: { maxAttempts: 2, initialBackoff: 0 },
  run({ input }) {
    if (input.amount < 0) throw new Error(hostile);
    return next({ charged: input.amount, token: "t0ps3cret", note: "\u009b31m" });
  },
});
const orders = workflow({
  name: "orders",
  version: "1.0.0",
  nodes: { check, charge },
  start: "check",
  edges: { check: "charge", charge: [] },
});

let directory = "";
let backend: Backend;
let orchestrator: DistributedOrchestrator;
let worker: DistributedWorker;
const ids = { good: "", bad: "", open: "" };

function millrace(...argv: readonly string[]): Promise<CommandOutcome> {
  return run(argv);
}

function run(argv: readonly string[], options: Partial<FakeOptions> = {}): Promise<CommandOutcome> {
  return runCommand(argv, { directory, ...options });
}

async function json(...argv: readonly string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await millrace(...argv, "--json");
  expect([code, err]).toEqual([0, ""]);
  return JSON.parse(out);
}

async function start(id: string, amount: number): Promise<string> {
  const handle = await orchestrator.startRun(
    orders,
    { amount, password: "pw" },
    { id, tags: { customer: id }, idempotencyKey: `key-${id}` },
  );
  return handle.id;
}

async function settle(): Promise<void> {
  while ((await worker.runOnce()).kind !== "idle");
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "millrace-cli-"));
  backend = await connect(`sqlite:${join(directory, ".millrace", "millrace.db")}`);
  orchestrator = new DistributedOrchestrator({ backend, workflows: [orders] });
  worker = new DistributedWorker({ backend, workflows: [orders], workerId: "w1" });
  ids.good = await start("run-good-0001", 5);
  ids.bad = await start("run-bad-0002", -5);
  await settle();
  ids.open = await start("run-open-0003", 7);
});

afterAll(async () => {
  await worker.stop();
  await backend.close();
  rmSync(directory, { recursive: true, force: true });
});

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
    const { runs } = await json("list", ...conditions);
    expect((runs as { id: string }[]).map(({ id }) => id)).toEqual(expected);
  });

  it("goes on where a page ended", async () => {
    const first = await json("list", "--limit", "2");
    const second = await json("list", "--limit", "2", "--cursor", String(first.cursor));
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
    expect(await json("show", ids.bad)).toMatchObject({
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
    expect(await json("show", "bad-0002")).toMatchObject({ id: ids.bad });
    expect(await json("show", "run-go")).toMatchObject({ id: ids.good });
    for (const [part, code, exit] of [
      ["run-", "RUN_NOT_FOUND", 3],
      ["0002", "RUN_NOT_FOUND", 3],
      ["n-good-00", "RUN_NOT_FOUND", 3],
    ] as const) {
      const outcome = await millrace("show", part, "--json");
      expect([outcome.code, JSON.parse(outcome.err).error.code]).toEqual([exit, code]);
    }
    await orchestrator.startRun(orders, { amount: 1 }, { id: "run-good-0001-b" });
    expect(await json("show", ids.good)).toMatchObject({ id: ids.good });
    const ambiguous = await millrace("show", "run-good");
    expect(ambiguous).toMatchObject({ code: 2, out: "" });
    expect(ambiguous.err).toContain("run-good-0001-b");
    await orchestrator.cancel("run-good-0001-b");
    await orchestrator.deleteRun("run-good-0001-b");
  });
});

describe("items, errors and explain", () => {
  it("list the items of a run", async () => {
    const { items } = await json("items", ids.bad);
    expect(items).toMatchObject([
      { id: `${ids.bad}.0`, node: "check", status: "completed" },
      { id: `${ids.bad}.1`, node: "charge", status: "permanently_failed", attempts: 2 },
    ]);
    expect((await json("items", ids.bad, "--status", "completed")).items).toHaveLength(1);
    expect((await json("items", ids.bad, "--node", "charge")).items).toHaveLength(1);
    expect((await json("items", ids.bad, "--limit", "1")).items).toHaveLength(1);
    expect((await millrace("items", ids.bad)).out).toMatch(/^ +1 {2}charge {2}permanently_failed +2 /m);
  });

  it("list every failed attempt", async () => {
    const { errors } = await json("errors", ids.bad);
    expect(errors).toMatchObject([
      { attempt: 1, outcome: "retried", workerId: "w1", at: expect.stringMatching(/Z$/) },
      { attempt: 2, outcome: "failed", node: "charge" },
    ]);
    expect((await millrace("errors", ids.good)).out).toBe("No attempt has failed.\n");
  });

  it("say what a run or an item waits for", async () => {
    expect((await millrace("explain", ids.bad)).out).toMatch(/^Run run-bad-0002 .+ failed[\s\S]+released by: /m);
    expect(await json("explain", ids.open)).toMatchObject({ status: "running", items: [{ itemId: `${ids.open}.0` }] });
    for (const item of ["1", `${ids.bad}.1`]) {
      expect(await json("explain", ids.bad, item)).toMatchObject({
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
        const { out, err } = await run(argv, {
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
    expect((await json("workers")).workers).toMatchObject([
      { workerId: "w1", liveness: "alive", workflows: ["orders@1.0.0"], items: [] },
    ]);
    expect((await millrace("workers")).out).toMatch(/^w1 +alive /m);
    expect((await millrace("workers", "--namespace", "other")).out).toMatch(/^No workers\. Start one/);
  });

  it("find nothing wrong where a worker takes what lies ready", async () => {
    const found = await json("doctor");
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
    await orchestrator.startRun(rare, null, { id: "rare-run" });
    const { code, out } = await millrace("doctor");
    expect(code).toBe(6);
    expect(out).toMatch(/^WRONG {2}work +no live worker for rare@2\.0\.0 \(queue gpu\), which has 1 open run$/m);
    await orchestrator.cancel("rare-run");
    expect((await millrace("doctor")).code).toBe(0);
  });

  it("find a file that is damaged or not ours", async () => {
    writeFileSync(
      join(directory, "noise.db"),
      "this is no database, and long enough to be looked at as one".repeat(100),
    );
    const { code, out } = await millrace("doctor", "--url", "sqlite:noise.db");
    expect(code).toBe(6);
    expect(out).toMatch(/^WRONG {2}store +BACKEND_CORRUPT/m);
  });
});

describe("cancel, pause and resume", () => {
  let id = "";
  let round = 0;
  beforeEach(async () => {
    round += 1;
    id = await start(`steered-${round}`, 1);
  });

  it("steer a run, say what became of it, and keep who asked", async () => {
    expect(await millrace("pause", id)).toMatchObject({ code: 0, out: `${id} is paused\n` });
    expect(await millrace("pause", id)).toMatchObject({ code: 0, out: `${id} was paused already\n` });
    expect(await json("resume", id)).toEqual({ runs: [{ runId: id, status: "running", changed: true }] });
    expect(await millrace("cancel", id, "--reason", "a mistake")).toMatchObject({
      code: 0,
      out: `${id} is cancelled\n`,
    });
    expect(await json("show", id)).toMatchObject({ status: "cancelled", failure: { message: "a mistake" } });
    const history = await orchestrator.history(id);
    expect(history.filter(({ type }) => type === "control")).toMatchObject([
      { actor: "cli:tester" },
      { actor: "cli:tester" },
      { actor: "cli:tester" },
    ]);
    expect(await millrace("resume", id, "--timeout", "2h", "--max-items", "10")).toMatchObject({ code: 0 });
    await orchestrator.cancel(id);
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
    await orchestrator.cancel(id);
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
    const outcome = await run(["start", "orders", "--input", "-", ...options], { stdin: '{"amount":3}' });
    expect(outcome).toEqual({ code: 0, out: "started-1\n", err: "" });
    expect(await orchestrator.getRun("started-1")).toMatchObject({
      input: { amount: 3 },
      tags: { a: "1", b: "2" },
      priority: -3,
      idempotencyKey: "k",
    });
    expect(await json("start", "orders", "--input", '{"amount":3}', "--key", "k")).toEqual({
      runId: "started-1",
      workflow: "orders",
      existing: true,
    });
    expect(await millrace("start", "orders", "--input", "4", "--key", "k")).toMatchObject({ code: 4 });
    expect((await json("start", "orders@1.0.0", "--id", "started-2")).runId).toBe("started-2");
    for (const id of ["started-1", "started-2"]) await orchestrator.cancel(id);
  });

  it("waits for the output, and tells by the exit code how it ended", async () => {
    const waiting = run(["start", "orders", "--input", '{"amount":3}', "--wait", "--timeout", "1m"]);
    const failing = run(["start", "orders", "--input", '{"amount":-3}', "--wait", "--json"]);
    const id = await started(2);
    await settle();
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
    expect(await orchestrator.status("patient")).toBe("running");
    await orchestrator.cancel("patient");
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
    const now = await backend.operations.now();
    for (;;) {
      const { entries } = await orchestrator.listRuns({ status: "running", since: now - 60_000 });
      const fresh = entries.filter(({ id }) => !Object.values(ids).includes(id));
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
  const names = [
    "worker",
    "start",
    "list",
    "show",
    "items",
    "errors",
    "workers",
    "cancel",
    "pause",
    "resume",
    "explain",
    "doctor",
  ];

  it.each(names)("%s has help with an example and the options of all", async (name) => {
    const { code, out, err } = await millrace(name, "--help");
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^Examples?:\n {2}# .+\n {2}\$ millrace /m);
    for (const option of ["--json", "--url", "--namespace", "--help"]) expect(out).toContain(option);
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
