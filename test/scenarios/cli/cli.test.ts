import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { until } from "../harness/until.ts";
import { Project } from "./project.ts";

/** Starts a run whose body waits for a file, and waits until the body runs. */
async function startWaiting(
  project: Project,
  name: string,
): Promise<{ readonly id: string; readonly open: () => void }> {
  const input = { started: project.path(`${name}.started`), gate: project.path(`${name}.gate`) };
  const { runId } = await project.json("start", "patient", "--input", JSON.stringify(input));
  await until(`the body of ${name} runs`, () => existsSync(input.started));
  return { id: String(runId), open: () => project.write(`${name}.gate`) };
}

test("a project's worker executes what is started from any folder of it", async () => {
  const project = new Project();
  const worker = await project.worker();
  expect(worker.out).toBe(
    "ready: 1 worker, 8 slots, for patient@1.0.0, double@1.0.0, spread@1.0.0, on sqlite:./.millrace/millrace.db (namespace default)\n",
  );
  expect(await project.run("start", "double", "--input", '{"amount":21}', "--wait")).toMatchObject({
    code: 0,
    out: "42\n",
  });

  project.write("src/deep/file");
  const url = `sqlite:${project.path(".millrace", "millrace.db")}`;
  const below = project.spawn(["start", "double", "--input", '{"amount":1}', "--wait", "--json", "--url", url], {
    within: "src/deep",
  });
  expect(JSON.parse((await below.ended).out)).toMatchObject({
    workflow: "double",
    status: "completed",
    output: 2,
    existing: false,
  });

  expect((await project.json("workers")).workers).toMatchObject([
    { liveness: "alive", workflows: expect.arrayContaining(["double@1.0.0"]) },
  ]);
  expect(await project.json("doctor")).toMatchObject({ ok: true });
  worker.signal("SIGTERM");
  expect(await worker.ended).toMatchObject({ code: 0, signal: null, err: "" });
});

test("the code of the project checks the input before anything is started", async () => {
  const project = new Project();
  const refused = await project.run("start", "double", "--input", '{"amount":"many"}');
  expect(refused).toMatchObject({ code: 2, out: "" });
  expect(refused.err).toMatch(/code: INVALID_INPUT/);
  expect(await project.run("start", "unknown")).toMatchObject({ code: 3, out: "" });
});

test("how a run ended is told by the exit code, without its secrets", async () => {
  const project = new Project();
  await project.worker();
  const failed = await project.run("start", "double", "--input", '{"amount":-1}', "--wait");
  expect(failed).toMatchObject({ code: 5, out: "" });
  expect(failed.err).toMatch(/the amount is negative, password=\[redacted\]\n {2}code: RUN_FAILED/);
  expect((await project.json("list", "--status", "failed")).runs).toHaveLength(1);
});

test.each(["SIGTERM", "SIGINT"] as const)(
  "on the first %s a worker finishes what it has and takes nothing more",
  async (signal) => {
    const project = new Project();
    const worker = await project.worker("--concurrency", "1");
    const inHand = await startWaiting(project, "first");
    const { runId: late } = await project.json("start", "double", "--input", '{"amount":1}');
    worker.signal(signal);
    await worker.says("draining");
    inHand.open();
    const { code, out, err } = await worker.ended;
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/\ndraining: .+ up to 30s; .+\ndrained: 1 attempts completed, 0 failed\n$/);
    expect(await project.json("show", inHand.id)).toMatchObject({ status: "completed" });
    expect(await project.json("show", String(late))).toMatchObject({ status: "running", items: { open: 1 } });
    expect((await project.json("workers", "--all")).workers).toMatchObject([{ status: "stopped" }]);
  },
);

test.each([
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const)("the second %s ends a worker at once", async (signal, exitCode) => {
  const project = new Project();
  const worker = await project.worker("--json");
  await startWaiting(project, "stuck");
  worker.signal(signal);
  await worker.says("draining");
  worker.signal(signal);
  const { code, out } = await worker.ended;
  expect(code).toBe(exitCode);
  expect(
    out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).event),
  ).toEqual(["ready", "draining"]);
});

test("what does not finish in time is given back", async () => {
  const project = new Project();
  const worker = await project.worker("--drain", "0");
  const { id } = await startWaiting(project, "given");
  worker.signal("SIGTERM");
  expect((await worker.ended).out).toMatch(/drained: 0 attempts completed, 0 failed, 1 given back\n$/);
  expect((await project.json("items", id)).items).toMatchObject([{ status: "pending", attempts: 0, stalls: 0 }]);
});

test("an interrupt ends the waiting for a run, not the run", async () => {
  const project = new Project();
  const waiting = project.spawn(["start", "double", "--id", "waited-for", "--input", '{"amount":4}', "--wait"]);
  await waiting.says("waiting for its end");
  waiting.signal("SIGINT");
  const { code, err } = await waiting.ended;
  expect([code, err]).toEqual([7, expect.stringContaining("code: CANCELLED")]);
  expect(await project.json("show", "waited-for")).toMatchObject({ status: "running" });
});

test("a reader that goes away early is no error", async () => {
  const project = new Project();
  await project.worker();
  await project.run("start", "spread", "--id", "wide", "--input", "4000", "--wait");
  for (const options of [[], ["--json"]]) {
    const listing = project.spawn(["items", "wide", ...options]);
    listing.child.stdout?.once("data", () => listing.child.stdout?.destroy());
    expect(await listing.ended).toMatchObject({ code: 0, signal: null, err: "" });
  }
  const { items } = await project.json("items", "wide");
  expect(items).toHaveLength(4_002);
});

test("programs that set up a new store at the same time do not disturb each other", async () => {
  const project = new Project();
  const starts = Array.from({ length: 6 }, (_, at) =>
    project.run("start", "double", "--id", `run-${at}`, "--input", '{"amount":1}'),
  );
  for (const { code, err } of await Promise.all(starts)) expect([code, err]).toEqual([0, ""]);
  expect((await project.json("list")).runs).toHaveLength(6);
});

test("a definition that changed under its version is refused, and nothing is disturbed", async () => {
  const project = new Project();
  await project.worker();
  const changed = project.spawn(["worker"], { env: { CHANGED: "yes" } });
  expect(await changed.ended).toMatchObject({
    code: 4,
    out: "",
    err: expect.stringContaining("code: VERSION_CONFLICT"),
  });
  expect(await project.run("start", "double", "--input", '{"amount":2}', "--wait")).toMatchObject({
    code: 0,
    out: "4\n",
  });
});

test("a worker without workflows says what to do", async () => {
  const project = new Project();
  project.write("elsewhere/package.json", "{}");
  const { code, err } = await project.spawn(["worker"], { within: "elsewhere" }).ended;
  expect([code, err]).toEqual([
    2,
    expect.stringMatching(/code: INVALID_CONFIG\n {2}hint: Create millrace\.config\.ts with: /),
  ]);
  expect(existsSync(project.path("elsewhere", ".millrace"))).toBe(false);
  project.write("broken.ts", "export const workflows: string[] = [];\nthrow new Error('broken here');\n");
  const broken = await project.run("worker", "--workflows", "broken.ts");
  expect(broken).toMatchObject({ code: 2, out: "" });
  expect(broken.err).toMatch(/broken\.ts cannot be loaded: broken here[\s\S]+at .+broken\.ts:2/);
});
