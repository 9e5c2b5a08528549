import { test } from "vitest";
import { z } from "zod";
import { memory } from "../connect.ts";
import { node } from "../definition/node.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import { DistributedOrchestrator } from "./distributed-orchestrator.ts";

const count = node({ input: z.object({ n: z.number() }), run: ({ input }) => next(input.n) });
const counting = workflow({ name: "counting", version: "1", nodes: { count }, start: "count", edges: { count: [] } });
const { schedules } = new DistributedOrchestrator({ backend: memory() });

test("a schedule is typed by its workflow, and has one kind of times", async () => {
  // The input is the workflow's, given as a workflow or by its name.
  await schedules.create({
    id: "a",
    workflow: counting,
    input: { n: 1 },
    cron: "0 2 * * *",
    timezone: "Europe/Berlin",
  });
  await schedules.create<typeof counting>({ id: "a", workflow: "counting", input: { n: 1 }, every: "1h" });
  await schedules.create({
    id: "a",
    workflow: counting,
    input: { n: 1 },
    at: new Date(0),
    overlap: "queue",
    catchUp: "last",
  });
  // @ts-expect-error the input is of another type
  await schedules.create({ id: "a", workflow: counting, input: { n: "one" }, every: "1h" });
  // @ts-expect-error there is no workflow of this name
  await schedules.create<typeof counting>({ id: "a", workflow: "other", input: { n: 1 }, every: "1h" });
  // @ts-expect-error it has no times
  await schedules.create({ id: "a", workflow: counting, input: { n: 1 } });
  // @ts-expect-error it has two kinds of times
  await schedules.create({ id: "a", workflow: counting, input: { n: 1 }, every: "1h", cron: "0 2 * * *" });
  // @ts-expect-error a time zone goes with a pattern
  await schedules.create({ id: "a", workflow: counting, input: { n: 1 }, every: "1h", timezone: "UTC" });
  // @ts-expect-error there is no such rule
  await schedules.create({ id: "a", workflow: counting, input: { n: 1 }, every: "1h", overlap: "maybe" });
  // @ts-expect-error a duration has a unit
  await schedules.create({ id: "a", workflow: counting, input: { n: 1 }, every: "soon" });
});
