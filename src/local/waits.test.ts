import { describe, expect, test } from "vitest";
import { z } from "zod";
import { gate } from "../../test/support/gate.ts";
import { memory } from "../connect.ts";
import { type ErrorCode, isMillraceError } from "../core/errors.ts";
import { type ManualClock, manualClock } from "../core/ports.ts";
import { context, field } from "../definition/context/field.ts";
import { node } from "../definition/node.ts";
import { next } from "../definition/transition.ts";
import { child } from "../definition/waits/child.ts";
import { event } from "../definition/waits/event.ts";
import { sleep } from "../definition/waits/sleep.ts";
import { waitForEvent } from "../definition/waits/wait-for-event.ts";
import { waitForInput } from "../definition/waits/wait-for-input.ts";
import { workflow } from "../definition/workflow.ts";
import { run } from "./run.ts";
import { resume, runWithCheckpoint } from "./run-with-checkpoint.ts";

const Asked = context({ asked: field.counter() });
const Text = z.string();
const Paid = event("paid", z.number());

const approval = workflow({
  name: "approval",
  version: "1",
  context: Asked,
  nodes: {
    ask: waitForInput({
      input: Text,
      receive: z.boolean(),
      context: Asked,
      prompt({ input, context: shared }) {
        shared.asked.add();
        return `${input}?`;
      },
      deadline: "50ms",
      run: ({ input, received }) => next(received ? input : "no"),
    }),
    late: node({ input: Text, run: () => next("nobody answered") }),
  },
  start: "ask",
  edges: { ask: { to: [], onTimeout: "late" }, late: [] },
});

const ordering = workflow({
  name: "ordering",
  version: "1",
  nodes: {
    paid: waitForEvent({ input: Text, event: Paid, key: ({ input }) => input }),
    approved: child(approval, { onParentClose: "cancel" }),
    text: node({ input: z.number(), run: ({ input }) => next(String(input)) }),
  },
  start: "paid",
  edges: { paid: "text", text: "approved", approved: [] },
});

const nap = workflow({
  name: "nap",
  version: "1",
  nodes: { nap: sleep(Text, ({ length }) => `${length}m`) },
  start: "nap",
  edges: { nap: [] },
});

/** Lets time pass, a second at a time, until it is settled. */
async function inTime<T>(clock: ManualClock, working: Promise<T>): Promise<T> {
  let isOver = false;
  const settled = working.finally(() => {
    isOver = true;
  });
  settled.catch(() => undefined);
  while (!isOver) {
    await clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return await settled;
}

const failsWith = (code: ErrorCode) => expect.toSatisfy((error) => isMillraceError(error, code));

describe("a run in this process", () => {
  test("sleeps by the clock", async () => {
    const clock = manualClock(1_000_000);
    const asleep = gate();
    const running = run(nap, "four", { clock, onProgress: asleep.begin });
    await asleep.begun;
    expect((await inTime(clock, running)).output).toBe("four");
    expect(Math.floor((clock.now() - 1_000_000) / 60_000)).toBe(4);
  });

  test("is answered by the caller, waits of its children too", async () => {
    const seen: unknown[] = [];
    const { output } = await run(ordering, "order-1", {
      onWait({ kind, node: name, prompt, event: awaited }) {
        seen.push([kind, name, prompt ?? awaited?.key]);
        return kind === "event" ? 12 : true;
      },
    });
    expect(output).toBe("12");
    expect(seen).toEqual([
      ["event", "paid", "order-1"],
      ["input", "ask", "12?"],
    ]);
  });

  test("fails with what to do where nobody can answer", async () => {
    await expect(run(approval, "ship")).rejects.toThrow(
      'node "ask" waits for an input ("ship?"), and nobody can answer a run in this process',
    );
    await expect(run(approval, "ship")).rejects.toEqual(failsWith("UNANSWERED"));
  });

  test("lets a deadline decide where the caller gives no answer", async () => {
    const { output, context: shared } = await run(approval, "ship", { onWait: () => undefined });
    expect([output, shared.asked.value]).toEqual(["nobody answered", 1]);
  });

  test("fails with what the caller's answer fails with", async () => {
    await expect(run(approval, "ship", { onWait: () => "perhaps" })).rejects.toEqual(failsWith("INVALID_INPUT"));
    const thrown = new Error("the caller's own");
    const throwing = run(approval, "ship", {
      onWait() {
        throw thrown;
      },
    });
    await expect(throwing).rejects.toBe(thrown);
  });
});

describe("a run that is saved", () => {
  test("goes on from where it waited, without being asked anew", async () => {
    const { checkpoints: store } = memory();
    await expect(runWithCheckpoint(approval, "ship", { store, id: "job" })).rejects.toEqual(failsWith("UNANSWERED"));
    expect((await store.load("job"))?.status).toBe("waiting");
    const { output, context: shared } = await resume(approval, { store, id: "job", onWait: () => true });
    expect([output, shared.asked.value]).toEqual(["ship", 1]);
  });

  test("sleeps on until the instant at which it was to wake up", async () => {
    const { checkpoints: store } = memory();
    const clock = manualClock(1_000_000);
    const ended = new AbortController();
    const asleep = gate();
    const onProgress = asleep.begin;
    const first = runWithCheckpoint(nap, "four", { store, id: "job", clock, signal: ended.signal, onProgress });
    await asleep.begun;
    await clock.advance(60_000);
    ended.abort();
    await expect(first).rejects.toEqual(failsWith("CANCELLED"));
    await clock.advance(60_000);
    expect((await inTime(clock, resume(nap, { store, id: "job", clock }))).output).toBe("four");
    expect(Math.floor((clock.now() - 1_000_000) / 60_000)).toBe(4);
  });

  test("begins its child runs again", async () => {
    const { checkpoints: store } = memory();
    const asked: (string | undefined)[] = [];
    const place = { store, id: "job" };
    const stops = runWithCheckpoint(ordering, "order-1", {
      ...place,
      onWait({ kind, prompt }) {
        if (kind === "event") return 12;
        throw new Error(`asked ${prompt}`);
      },
    });
    await expect(stops).rejects.toThrow("asked 12?");
    const { output } = await resume(ordering, {
      ...place,
      onWait({ prompt }) {
        asked.push(prompt);
        return true;
      },
    });
    expect([output, asked]).toEqual(["12", ["12?"]]);
  });
});
