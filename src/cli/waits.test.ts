import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { type CommandOutcome, runCommand } from "../../test/support/cli-surroundings.ts";
import {
  type Backend,
  connect,
  DistributedOrchestrator,
  DistributedWorker,
  event,
  externalTool,
  waitForEvent,
  waitForInput,
  workflow,
} from "../index.ts";

const Text = z.string();
const Decision = z.object({ approved: z.boolean() });

const approvals = workflow({
  name: "approvals",
  version: "1",
  nodes: {
    ask: waitForInput({
      input: Text,
      receive: Decision,
      prompt: ({ input }) => `ship ${input}?\u001b[31m password=hunter2`,
    }),
  },
  start: "ask",
  edges: { ask: [] },
});
const payments = workflow({
  name: "payments",
  version: "1",
  nodes: { paid: waitForEvent({ input: Text, event: event("order.paid", z.number()), key: ({ input }) => input }) },
  start: "paid",
  edges: { paid: [] },
});
const tools = workflow({
  name: "tools",
  version: "1",
  nodes: {
    call: externalTool({
      name: "look-up",
      input: Text,
      arguments: () => ({ token: "t0ps3cret" }),
      receive: z.number(),
    }),
  },
  start: "call",
  edges: { call: [] },
});
const workflows = [approvals, payments, tools];

let directory: string;
let backend: Backend;
let orchestrator: DistributedOrchestrator;
let worker: DistributedWorker;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "millrace-cli-"));
  backend = await connect(`sqlite:${join(directory, ".millrace", "millrace.db")}`);
  orchestrator = new DistributedOrchestrator({ backend, workflows });
  worker = new DistributedWorker({ backend, workflows, workerId: "w1" });
});
afterEach(async () => {
  await worker.stop();
  await backend.close();
  rmSync(directory, { recursive: true, force: true });
});

function millrace(...argv: readonly string[]): Promise<CommandOutcome> {
  return runCommand(argv, { directory });
}

async function start(name: "approvals" | "payments" | "tools", input: string): Promise<string> {
  const { id } = await orchestrator.startRun(name, input, { id: `run-of-${input}` });
  await work();
  return id;
}

async function work(): Promise<void> {
  while ((await worker.runOnce()).kind !== "idle");
}

it("waits lists what is waited for, of all runs, of one, or of a kind, without secrets or control characters", async () => {
  expect(await millrace("waits")).toMatchObject({ code: 0, out: "Nothing waits for an answer.\n" });
  const [book, order, rate] = [
    await start("approvals", "book"),
    await start("payments", "o-1"),
    await start("tools", "rate"),
  ];
  const { code, out } = await millrace("waits");
  expect(code).toBe(0);
  const lines = out.split("\n");
  expect(lines[0]).toMatch(/WAIT +NODE +FOR +SINCE +UNTIL +WHAT/);
  expect(lines[1]).toMatch(/^run-of-book\.0\.1 +ask +input .+ship book\?/);
  expect(lines[2]).toMatch(/^run-of-o-1\.0\.1 +paid +event .+order\.paid "o-1"/);
  expect(lines[3]).toMatch(/^run-of-rate\.0\.1 +call +tool .+look-up/);
  for (const unwanted of ["hunter2", "\u001b"]) expect(out).not.toContain(unwanted);
  const list = async (...argv: readonly string[]) => JSON.parse((await millrace("waits", ...argv, "--json")).out).waits;
  expect(await list(order)).toMatchObject([
    { id: `${order}.0.1`, kind: "event", event: { name: "order.paid", key: "o-1" } },
  ]);
  expect(await list("--kind", "tool")).toMatchObject([
    { runId: rate, tool: "look-up", arguments: { token: "[redacted]" } },
  ]);
  expect(await list("--kind", "tool", "--reveal")).toMatchObject([{ arguments: { token: "t0ps3cret" } }]);
  expect(await list("--kind", "child")).toEqual([]);
  expect((await millrace("waits", "--kind", "sleep")).code).toBe(2);
  expect((await millrace("waits", book, "--kind", "child")).out).toBe("Nothing waits for an answer.\n");
});

it("complete gives an answer, once, and says so", async () => {
  const run = await start("approvals", "book");
  const wait = `${run}.0.1`;
  const payload = ["--payload", '{"approved":true}'];
  expect(await millrace("complete", wait, ...payload)).toMatchObject({ code: 0, out: `${wait} is answered\n` });
  expect(await millrace("complete", wait, ...payload)).toMatchObject({
    code: 0,
    out: `${wait} had this answer already\n`,
  });
  expect(await millrace("complete", wait, "--payload", "false")).toMatchObject({ code: 4 });
  await work();
  expect((await orchestrator.getRun(run))?.output).toEqual({ approved: true });
  const [action] = (await orchestrator.history(run)).filter(({ type }) => type === "control");
  expect(action).toMatchObject({ action: "completeWait", actor: "cli:tester" });
});

it("complete checks the answer where it has the code, and takes it from a file", async () => {
  const run = await start("tools", "rate");
  writeFileSync(join(directory, "result.json"), "1.5");
  const outcome = await millrace("complete", `${run}.0.1`, "--payload", "@result.json", "--json");
  expect(JSON.parse(outcome.out)).toEqual({ waitId: `${run}.0.1`, runId: run, status: "running", changed: true });
  const from = new URL("../index.ts", import.meta.url).href;
  const code = `
    import { defineConfig, unchecked, waitForInput, workflow } from ${JSON.stringify(from)};
    const yes = { "~standard": { version: 1, vendor: "test", validate: (value) => value === "yes" ? { value } : { issues: [{ message: "say yes" }] } } };
    const asks = workflow({ name: "asks", version: "1", nodes: { ask: waitForInput({ input: unchecked(), receive: yes }) }, start: "ask", edges: { ask: [] } });
    export default defineConfig({ workflows: [asks] });
  `;
  writeFileSync(join(directory, "asks.mjs"), code);
  const { default: config } = await import(join(directory, "asks.mjs"));
  const own = new DistributedWorker({ backend, workflows: config.workflows, workerId: "w2" });
  const handle = await new DistributedOrchestrator({ backend, workflows: config.workflows }).startRun("asks", 1);
  while ((await own.runOnce()).kind !== "idle");
  const refused = await millrace("complete", `${handle.id}.0.1`, "--payload", '"no"', "--workflows", "asks.mjs");
  expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("say yes") });
  expect(await handle.status()).toBe("waiting");
  expect((await millrace("complete", `${handle.id}.0.1`, "--payload", '"yes"', "--workflows", "asks.mjs")).code).toBe(
    0,
  );
  await own.stop();
});

it.each([
  [["complete", "nonsense", "--payload", "1"], 2],
  [["complete", "run.0.1", "--payload", "{"], 2],
  [["complete", "run.0.1"], 2],
  [["complete", "run.0.1", "--payload", "1"], 3],
  [["send", "order.paid"], 2],
  [["send", "no name", "--key", "k"], 2],
])("%j is refused", async (argv, code) => {
  await start("payments", "o-1");
  expect((await millrace(...argv)).code).toBe(code);
});

it("send tells whether somebody took the event, and sends under an id once", async () => {
  const run = await start("payments", "o-1");
  const send = ["send", "order.paid", "--key", "o-1", "--payload", "12"];
  expect(await millrace(...send, "--id", "m1")).toMatchObject({ code: 0, out: "order.paid was taken by 1 wait\n" });
  expect((await millrace(...send, "--id", "m1")).out).toBe("order.paid was sent under this id before\n");
  expect((await millrace(...send)).out).toBe("order.paid is kept: nobody waits for it yet\n");
  await work();
  expect((await orchestrator.getRun(run))?.output).toBe(12);
  const asJson = JSON.parse((await millrace(...send, "--json")).out);
  expect(asJson).toEqual({ event: "order.paid", key: "o-1", outcome: "buffered", waits: 0 });
});

it("explain, show and items say what is waited for, and which command answers it", async () => {
  const run = await start("payments", "o-1");
  expect((await millrace("explain", run)).out).toContain("millrace send order.paid --key o-1 --payload");
  expect((await millrace("show", run)).out).toMatch(/status +waiting[\s\S]+waits since .+ for the event "order\.paid"/);
  expect((await millrace("items", run)).out).toMatch(/paid +waiting .+event/);
  const items = JSON.parse((await millrace("items", run, "--json")).out).items;
  expect(items).toMatchObject([{ wait: { id: `${run}.0.1`, kind: "event" } }]);
});
