/**
 * The configuration of the project that the scenarios of the command line run in: a workflow that waits for a file, one
 * that checks its input, and one that fans out. Written as a user would, TypeScript and all.
 */

import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as passed } from "node:timers/promises";
import { defineConfig, join, next, nextAll, node, unchecked, workflow } from "millrace";
import { z } from "zod";

const waiting = node({
  input: z.object({ started: z.string(), gate: z.string() }),
  async run({ input, signal }) {
    writeFileSync(input.started, "");
    while (!existsSync(input.gate)) {
      signal.throwIfAborted();
      await passed(5);
    }
    return next({ through: input.gate });
  },
});

const double = node({
  input: z.object({ amount: z.number() }),
  description: process.env.CHANGED ?? "",
  queue: process.env.CHANGED === undefined ? "default" : "another",
  run({ input }) {
    if (input.amount < 0) throw new Error("the amount is negative, password=hunter2");
    return next(input.amount * 2);
  },
  retry: false,
});

const spread = node({
  input: unchecked<number>(),
  run: ({ input }) => nextAll(Array.from({ length: input }, (_, at) => at)),
});
const each = node({ input: unchecked<number>(), run: ({ input }) => next(input) });
const collect = join({ of: "spread", input: unchecked<number>(), run: ({ inputs }) => next(inputs.length) });

type Names = readonly string[];
const names: Names = ["double"];

export default defineConfig({
  workflows: [
    workflow({ name: "patient", version: "1.0.0", nodes: { waiting }, start: "waiting", edges: { waiting: [] } }),
    workflow({ name: names[0] ?? "", version: "1.0.0", nodes: { double }, start: "double", edges: { double: [] } }),
    workflow({
      name: "spread",
      version: "1.0.0",
      nodes: { spread, each, collect },
      start: "spread",
      edges: { spread: "each", each: "collect", collect: [] },
    }),
  ],
  worker: { concurrency: 8, pollInterval: "50ms" },
});
