import { z } from "zod";
import { abort, context, field, join, joinByName, next, node, split, variant, workflow } from "../../index.ts";
import { crashEverywhere } from "./crash-everywhere.ts";
import { failing, failTimes } from "./mocks.ts";
import { testWorkflow } from "./workflow-test.ts";

const Shop = context({ tries: field.counter() });
const flow = workflow({
  name: "flow",
  version: "1",
  context: Shop,
  nodes: {
    start: node({
      input: z.object({ id: z.string(), count: z.coerce.number() }),
      run: ({ input }) => next(input.count),
    }),
    judge: node({
      input: z.number(),
      run: ({ input }) => (input > 0 ? next(variant("good", input)) : next(variant("bad", "why"))),
    }),
    spread: split(z.number(), (count) => Array.from({ length: count }, (_, at) => at)),
    half: node({
      input: z.number(),
      output: z.object({ half: z.number() }),
      run: ({ input }) => next({ half: input }),
    }),
    sum: join({ of: "spread", input: z.object({ half: z.number() }), run: ({ inputs }) => next(inputs.length) }),
    fork: node({ input: z.number(), run: ({ input }) => next(input) }),
    left: node({ input: z.number(), run: ({ input }) => next(input) }),
    right: node({ input: z.number(), run: ({ input }) => next(String(input)) }),
    both: joinByName({ of: "fork", inputs: { left: z.number(), right: z.string() }, run: () => next("done") }),
    refuse: node({ input: z.string(), run: ({ input }) => next(input) }),
  },
  start: "start",
  edges: {
    start: "judge",
    judge: { route: { good: "spread", bad: "refuse" } },
    spread: "half",
    half: "sum",
    sum: "fork",
    fork: ["left", "right"],
    left: "both",
    right: "both",
    both: [],
    refuse: [],
  },
});

// Mocks see what an edge delivers, and give what the node emits.
const t = await testWorkflow(flow, {
  mocks: {
    start: ({ input, attempt, context: shop }) => {
      const id: string = input.id;
      shop.tries.add(attempt);
      return id === "" ? abort("no id") : next(3);
    },
    judge: async ({ real }) => await real(),
    half: failTimes(2, new Error("down"), ({ input }) => next({ half: input })),
    sum: ({ inputs }) => next(inputs.map(({ half }) => half).length),
    both: ({ inputs }) => {
      const left: number | undefined = inputs.left;
      const right: string | undefined = inputs.right;
      return left === undefined || right === undefined ? abort("missing") : next("done");
    },
    left: failing(abort("declined")),
    right: failTimes(1, new Error("down")),
    refuse: () => next("mocked"),
  },
});
await testWorkflow(flow, { mocks: { judge: () => next(variant("good", 1)) } });

// @ts-expect-error there is no such node
await testWorkflow(flow, { mocks: { jugde: () => next(variant("good", 1)) } });
// @ts-expect-error the node emits a number
await testWorkflow(flow, { mocks: { start: () => next("three") } });
// @ts-expect-error the node emits variants
await testWorkflow(flow, { mocks: { judge: () => next(1) } });
// @ts-expect-error no such kind of variant
await testWorkflow(flow, { mocks: { judge: () => next(variant("better", 1)) } });
// @ts-expect-error a property is wrong
await testWorkflow(flow, { mocks: { half: ({ input }) => next({ half: String(input) }) } });
// @ts-expect-error a mock returns a transition
await testWorkflow(flow, { mocks: { start: () => 3 } });
// @ts-expect-error a join has no input, but inputs
await testWorkflow(flow, { mocks: { sum: ({ input }) => next(input) } });
// @ts-expect-error the input has no such property
await testWorkflow(flow, { mocks: { start: ({ input }) => next(input.total) } });

// A run is started with the start node's input, and speaks of the workflow's nodes, output and context.
const run = await t.start({ id: "a", count: "3" }, { context: { tries: 1 } });
const output: string = await run.output();
const tries: number = (await run.context()).tries.value;
const given: number | undefined = run.executions("half")[0]?.input;
const joined: readonly { readonly half: number }[] | undefined = run.executions("sum")[0]?.input;
const last: "start" | "judge" | "spread" | "half" | "sum" | "fork" | "left" | "right" | "both" | "refuse" | undefined =
  run.path().at(-1)?.node;
void [output, tries, given, joined, last];

// @ts-expect-error the input is none
await t.start({ id: 1 });
// @ts-expect-error there is no such field
await t.start({ id: "a", count: 1 }, { context: { trys: 1 } });
// @ts-expect-error there is no such node
run.executions("hlaf");
// @ts-expect-error there is no such node
t.crashBeforeCommit("hlaf");
// @ts-expect-error there is no such node
t.fail("hlaf", new Error("down"));
// @ts-expect-error that is no duration
await t.advance("3 days");

await crashEverywhere(
  flow,
  { id: "a", count: 1 },
  { ignoreContext: ["tries"], mocks: () => ({ start: () => next(3) }) },
);
// @ts-expect-error there is no such field
await crashEverywhere(flow, { id: "a", count: 1 }, { ignoreContext: ["trys"] });
// @ts-expect-error there is no such node
await crashEverywhere(flow, { id: "a", count: 1 }, { mocks: { jugde: failing("x") } });
