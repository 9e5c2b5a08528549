import { describe, expect, test } from "vitest";
import { z } from "zod";
import { memory } from "../connect.ts";
import { isMillraceError, type MillraceError } from "../core/errors.ts";
import { manualClock } from "../core/ports.ts";
import { node } from "../definition/node.ts";
import { split } from "../definition/ready-made.ts";
import { unchecked } from "../definition/schema.ts";
import { next } from "../definition/transition.ts";
import { child } from "../definition/waits/child.ts";
import { event } from "../definition/waits/event.ts";
import { externalTool } from "../definition/waits/external-tool.ts";
import { sleep } from "../definition/waits/sleep.ts";
import { waitForEvent } from "../definition/waits/wait-for-event.ts";
import { waitForInput } from "../definition/waits/wait-for-input.ts";
import { workflow } from "../definition/workflow.ts";
import { DistributedWorker } from "../worker/distributed-worker.ts";
import { DistributedOrchestrator } from "./distributed-orchestrator.ts";

const Text = z.string();
const Decision = z.object({ ok: z.boolean(), by: z.string().default("nobody") });
const Paid = event("order.paid", z.object({ amount: z.number() }));

const approvals = workflow({
  name: "approvals",
  version: "1",
  nodes: {
    ask: waitForInput({
      input: Text,
      receive: Decision,
      prompt: ({ input }) => `ship ${input}?`,
      deadline: "3d",
      run: ({ input, received }) => next(`${input}: ${received.ok} by ${received.by}`),
    }),
    late: node({ input: Text, run: ({ input, error }) => next(`${input}: ${error?.code} ${error?.message}`) }),
  },
  start: "ask",
  edges: { ask: { to: [], onTimeout: "late" }, late: [] },
});

const payments = workflow({
  name: "payments",
  version: "1",
  nodes: {
    wait: waitForEvent({ input: Text, event: Paid, key: ({ input }) => input, where: { amount: 10 } }),
  },
  start: "wait",
  edges: { wait: [] },
});

const tools = workflow({
  name: "tools",
  version: "1",
  nodes: {
    call: externalTool({
      name: "look-up",
      input: Text,
      arguments: ({ input }) => ({ what: input }),
      receive: unchecked<number>(),
    }),
  },
  start: "call",
  edges: { call: [] },
});

const parents = workflow({
  name: "parents",
  version: "1",
  nodes: { own: child(approvals) },
  start: "own",
  edges: { own: [] },
});

const naps = workflow({
  name: "naps",
  version: "1",
  nodes: { nap: sleep(Text, "2h") },
  start: "nap",
  edges: { nap: [] },
});

const many = workflow({
  name: "many",
  version: "1",
  completion: "all",
  nodes: { fan: split(Text, () => [1, 2]), ask: waitForInput({ input: z.number(), receive: z.string() }) },
  start: "fan",
  edges: { fan: "ask", ask: [] },
});

function setUp() {
  const clock = manualClock(Date.UTC(2026, 0, 1));
  const backend = memory({ clock });
  const workflows = [approvals, payments, tools, parents, naps, many];
  const orchestrator = new DistributedOrchestrator({ backend, workflows, clock });
  const worker = new DistributedWorker({ backend, workflows, clock, workerId: "w1" });
  const work = async (): Promise<void> => {
    while ((await worker.runOnce()).kind !== "idle");
  };
  return { clock, backend, orchestrator, work, stranger: new DistributedOrchestrator({ backend, clock }) };
}

async function refusal(work: Promise<unknown>): Promise<MillraceError> {
  const thrown: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (isMillraceError(thrown)) return thrown;
  throw new Error(`expected a MillraceError, got ${String(thrown)}`);
}

describe("completing a wait", () => {
  test("gives the body what its schema made of the answer", async () => {
    const { orchestrator, work } = setUp();
    const handle = await orchestrator.startRun(approvals, "book");
    await work();
    const [wait] = (await orchestrator.listWaits()).entries;
    expect(wait).toMatchObject({ id: `${handle.id}.0.1`, kind: "input", node: "ask", prompt: "ship book?" });
    expect(wait?.schema).toMatchObject({ type: "object", required: ["ok"] });
    expect(await handle.status()).toBe("waiting");
    const done = await orchestrator.completeWait(`${handle.id}.0.1`, { ok: true });
    expect(done).toEqual({ runId: handle.id, status: "running", changed: true });
    expect((await orchestrator.listWaits()).entries).toEqual([]);
    await work();
    expect(await handle.result()).toBe("book: true by nobody");
  });

  test("with an answer that does not fit is refused, and the wait stays", async () => {
    const { orchestrator, work } = setUp();
    const handle = await orchestrator.startRun(approvals, "book");
    await work();
    for (const bad of [{ ok: "yes" }, null, undefined, { ok: true, by: () => "x" }]) {
      const error = await refusal(orchestrator.completeWait(`${handle.id}.0.1`, bad));
      expect(error.code).toBe("INVALID_INPUT");
    }
    expect(await handle.status()).toBe("waiting");
    await handle.complete("ask", { ok: false, by: "ann" });
    await work();
    expect(await handle.result()).toBe("book: false by ann");
  });

  test("twice with the same answer changes nothing, however it is spelled; another answer is refused", async () => {
    const { orchestrator, work } = setUp();
    const handle = await orchestrator.startRun(approvals, "book");
    await work();
    const id = `${handle.id}.0.1`;
    await orchestrator.completeWait(id, { ok: true, by: "ann" }, { actor: "ann" });
    expect((await orchestrator.completeWait(id, { by: "ann", ok: true })).changed).toBe(false);
    expect((await refusal(orchestrator.completeWait(id, { ok: false, by: "bob" }))).code).toBe("ILLEGAL_TRANSITION");
    await work();
    expect((await orchestrator.completeWait(id, { ok: true, by: "ann" })).changed).toBe(false);
    const actions = (await orchestrator.history(handle.id)).filter(({ type }) => type === "control");
    expect(actions).toMatchObject([{ action: "completeWait", actor: "ann", itemId: `${handle.id}.0` }]);
  });

  test("that there is not is refused with what there is", async () => {
    const { orchestrator, work } = setUp();
    const handle = await orchestrator.startRun(approvals, "book");
    expect((await refusal(handle.complete("ask", { ok: true }))).hints[0]).toContain(
      "Wait until the run has come there",
    );
    await work();
    expect((await refusal(orchestrator.completeWait(`${handle.id}.0.2`, { ok: true }))).code).toBe("WAIT_NOT_FOUND");
    expect((await refusal(orchestrator.completeWait(`${handle.id}.1.1`, { ok: true }))).code).toBe("WAIT_NOT_FOUND");
    expect((await refusal(orchestrator.completeWait("nowhere.0.1", { ok: true }))).code).toBe("RUN_NOT_FOUND");
    expect((await refusal(orchestrator.completeWait("nonsense", { ok: true }))).code).toBe("INVALID_VALUE");
    expect((await refusal(orchestrator.listWaits({ runId: "nowhere" }))).code).toBe("RUN_NOT_FOUND");
  });

  test("by node takes the one wait there is", async () => {
    const { orchestrator, work } = setUp();
    const handle = await orchestrator.startRun(many, "x");
    await work();
    const error = await refusal(handle.complete("ask", "yes"));
    expect(error.message).toContain("2 items");
    const waits = await handle.waits();
    expect(error.hints[0]).toContain(waits[0]?.id);
    for (const { id, itemId } of waits) await orchestrator.completeWait(id, itemId.slice(-1));
    await work();
    expect(await handle.result()).toEqual(["1", "2"]);
  });

  test("without the code leaves the check to the worker, whose attempt fails and would wait again", async () => {
    const { orchestrator, stranger, work } = setUp();
    const handle = await orchestrator.startRun(approvals, "book");
    await work();
    await stranger.completeWait(`${handle.id}.0.1`, { ok: "perhaps" });
    await work();
    expect((await refusal(handle.result())).message).toContain("INVALID_INPUT: the answer that node");
    await handle.resume();
    await work();
    const [again] = await handle.waits();
    expect(again?.id).toBe(`${handle.id}.0.3`);
    await handle.complete("ask", { ok: true });
    await work();
    expect(await handle.result()).toBe("book: true by nobody");
  });

  test("that nobody answers takes the timeout edge, with what it waited for", async () => {
    const { clock, orchestrator, work } = setUp();
    const handle = await orchestrator.startRun(approvals, "book");
    await work();
    await clock.advance(3 * 86_400_000);
    await work();
    expect(await handle.result()).toBe('book: DEADLINE node "ask" waited 3d in vain for an input');
    expect((await refusal(orchestrator.completeWait(`${handle.id}.0.1`, { ok: true }))).code).toBe("RUN_CLOSED");
  });
});

describe("an event", () => {
  test("releases whom it is for, by name or by what defines it", async () => {
    const { orchestrator, stranger, work } = setUp();
    const [a, b] = [await orchestrator.startRun(payments, "a"), await orchestrator.startRun(payments, "b")];
    await work();
    expect(await orchestrator.sendEvent(Paid, { key: "a", payload: { amount: 10 } })).toEqual({
      outcome: "delivered",
      waits: 1,
    });
    expect(await stranger.sendEvent("order.paid", { key: "b", payload: { amount: 10 } })).toEqual({
      outcome: "delivered",
      waits: 1,
    });
    await work();
    expect([await a.result(), await b.result()]).toEqual([{ amount: 10 }, { amount: 10 }]);
    const kept = { key: "a", payload: { amount: 11 }, id: "1" };
    expect(await orchestrator.sendEvent(Paid, kept)).toEqual({ outcome: "buffered", waits: 0 });
    expect(await orchestrator.sendEvent(Paid, kept)).toEqual({ outcome: "duplicate", waits: 0 });
  });

  test("whose payload, key or name cannot be is refused", async () => {
    const { orchestrator } = setUp();
    const send = (name: string, options: { key: string; payload: unknown; id?: string }) =>
      refusal(orchestrator.sendEvent(name, options));
    const unchecked = JSON.parse('{ "amount": "10" }');
    expect((await refusal(orchestrator.sendEvent(Paid, { key: "a", payload: unchecked }))).code).toBe("INVALID_INPUT");
    expect((await send("no name", { key: "a", payload: 1 })).code).toBe("INVALID_VALUE");
    expect((await send("name", { key: "k".repeat(513), payload: 1 })).code).toBe("INVALID_VALUE");
    expect((await send("name", { key: "k", payload: Number.NaN })).code).toBe("INVALID_INPUT");
    expect((await send("name", { key: "k", payload: "x".repeat(1_100_000) })).code).toBe("PAYLOAD_TOO_LARGE");
  });

  test("that is sent with a start has one effect, however often the start is repeated", async () => {
    const { orchestrator, work } = setUp();
    const start = () =>
      orchestrator.startRun(payments, "a", {
        idempotencyKey: "one",
        events: [{ event: Paid, key: "a", payload: { amount: 10 } }],
      });
    const handle = await start();
    await start();
    await work();
    expect(await handle.result()).toEqual({ amount: 10 });
    const other = await orchestrator.startRun(payments, "a");
    await work();
    expect(await other.status()).toBe("waiting");
    const bad = { events: [{ event: "no name", key: "a", payload: 1 }] };
    expect((await refusal(orchestrator.startRun(payments, "a", { ...bad, id: "never" }))).code).toBe("INVALID_VALUE");
    expect(await orchestrator.getRun("never")).toBeUndefined();
  });

  test("of which too many are kept is refused, and may be sent again later", async () => {
    const { backend, orchestrator, work } = setUp();
    const events = Array.from({ length: 10_000 }, () => ({
      name: "order.paid",
      key: "a",
      payload: Buffer.from('{"amount":1}'),
    }));
    await backend.operations.sendEvents(events);
    const one = { key: "a", payload: { amount: 10 }, id: "late" };
    const error = await refusal(orchestrator.sendEvent(Paid, one));
    expect([error.code, error.message]).toEqual(["TOO_MANY_EVENTS", expect.stringContaining("10000 events")]);
    const handle = await orchestrator.startRun(payments, "a");
    await work();
    expect((await orchestrator.sendEvent(Paid, one)).outcome).toBe("delivered");
    await work();
    expect(await handle.result()).toEqual({ amount: 10 });
  });
});

describe("what explains a run", () => {
  const since = "since 2026-01-01T00:00:00.000Z (now)";

  test("tells of an input who is asked what, until when, and how to answer", async () => {
    const { orchestrator, work } = setUp();
    const { id } = await orchestrator.startRun(approvals, "book");
    await work();
    const { sentence, releasedBy, items } = await orchestrator.explain(id);
    expect(sentence).toBe(
      `Run ${id} of approvals@1 is waiting ${since}: item ${id}.0 of node "ask" waits ${since} for an input ` +
        `("ship book?"), at the latest until 2026-01-04T00:00:00.000Z (in 3d); give it with: ` +
        `millrace complete ${id}.0.1 --payload '…'.`,
    );
    expect(releasedBy).toBe(`millrace complete ${id}.0.1 --payload '…'`);
    expect(items).toHaveLength(1);
  });

  test("tells of an event, a tool, a child and a sleep alike", async () => {
    const { orchestrator, work } = setUp();
    const [event, tool, parent, nap] = [
      await orchestrator.startRun(payments, "it's a"),
      await orchestrator.startRun(tools, "rate"),
      await orchestrator.startRun(parents, "book"),
      await orchestrator.startRun(naps, "zzz"),
    ];
    await work();
    const told = async (id: string) => (await orchestrator.explainItem(`${id}.0`)).sentence;
    expect(await told(event.id)).toContain(
      `waits ${since} for the event "order.paid" with the key "it's a"; send it with: millrace send order.paid --key 'it'\\''s a' --payload '…'`,
    );
    expect(await told(tool.id)).toContain(
      `for the result of the tool "look-up"; give it with: millrace complete ${tool.id}.0.1`,
    );
    const [wait] = await parent.waits();
    expect(await told(parent.id)).toContain(
      `for its child run ${wait?.childId}, which is waiting; see: millrace explain ${wait?.childId}`,
    );
    expect(await told(nap.id)).toContain(`sleeps ${since} until 2026-01-01T02:00:00.000Z (in 2h)`);
    await orchestrator.pause(nap.id);
    expect(await told(nap.id)).toContain("its run is paused, so that what comes is kept");
    expect((await orchestrator.explain(nap.id)).sentence).toContain("is paused");
  });

  test("and lists of items tell what is waited for", async () => {
    const { orchestrator, work } = setUp();
    const { id } = await orchestrator.startRun(approvals, "book");
    await work();
    const { wait } = await orchestrator.getWorkItem(`${id}.0`);
    const now = Date.UTC(2026, 0, 1);
    expect(wait).toEqual({ id: `${id}.0.1`, kind: "input", since: now, dueAt: now + 3 * 86_400_000 });
  });
});

describe("a child run", () => {
  test("gives its output, under a handle of its own", async () => {
    const { orchestrator, work } = setUp();
    const handle = await orchestrator.startRun(parents, "book");
    await work();
    const [wait] = await handle.waits();
    const own = orchestrator.handle(approvals, wait?.childId ?? "");
    expect((await orchestrator.getRun(own.id))?.parent).toEqual({ runId: handle.id, itemId: `${handle.id}.0` });
    await own.complete("ask", { ok: true });
    await work();
    expect(await handle.result()).toBe("book: true by nobody");
  });

  test("that fails fails the attempt that waits for it, with what it failed with", async () => {
    const { orchestrator, work } = setUp();
    const handle = await orchestrator.startRun(parents, "book");
    await work();
    const childId = (await handle.waits())[0]?.childId ?? "";
    await orchestrator.cancel(childId, { reason: "out of stock" });
    await work();
    const error = await refusal(handle.result());
    expect(error.message).toContain(
      `CHILD_FAILED: the child run ${childId} of node "own" was cancelled: RUN_CANCELLED: out of stock`,
    );
    const [failed] = (await orchestrator.errors(handle.id)).entries;
    expect(failed?.details).toMatchObject({ runId: childId, status: "cancelled" });
  });
});
