/** Workflows that are over before anybody looks: one completes with a sum, one fails. */

import { abort, context, field, next, node, unchecked, workflow } from "../../../src/index.ts";

const Steps = context({ steps: field.counter() });

const add = node({
  context: Steps,
  input: unchecked<number>(),
  run({ input, context: { steps } }) {
    steps.add();
    return next(input + 1);
  },
});

const double = node({
  context: Steps,
  input: unchecked<number>(),
  run({ input, context: { steps } }) {
    steps.add();
    return next(input * 2);
  },
});

const refuse = node({ input: unchecked<null>(), run: () => abort("nothing fits in any more", { code: "FULL" }) });

export const passing = workflow({
  name: "passing",
  version: "1.0.0",
  context: Steps,
  nodes: { add, double },
  start: "add",
  edges: { add: "double", double: [] },
});

export const failing = workflow({
  name: "failing",
  version: "1.0.0",
  nodes: { refuse },
  start: "refuse",
  edges: { refuse: [] },
});
