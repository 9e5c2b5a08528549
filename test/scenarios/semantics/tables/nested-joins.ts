/** Fan-outs inside of fan-outs, three levels deep, and joins that are reached from inside. */

import {
  hold,
  join,
  next,
  nextAll,
  node,
  type StandardSchema,
  split,
  unchecked,
  variant,
  workflow,
} from "../../../../src/index.ts";
import { type AnyOrder, anyOrder, type Scenario } from "../scenario.ts";

/** What the innermost branches are told to do, by place: regions of shelves of boxes. */
type Box = number | "fail" | "hold" | "nothing" | "leave" | "region" | "world";
type Shelf = readonly Box[];
type Region = readonly Shelf[];
type World = readonly Region[];

const boxes = unchecked<Box>();

const open = node({
  input: boxes,
  serializable: true,
  run({ input }) {
    if (input === "fail") throw new Error("does not open");
    if (input === "hold") return hold();
    if (input === "nothing") return nextAll<ReturnType<typeof variant<"box", Box>>>([]);
    return next(
      input === "leave" || input === "region" || input === "world" ? variant(input, input) : variant("box", input),
    );
  },
});

/** Arrives at the join from several levels: a list of lists, or a value that came from further inside. */
const anything: StandardSchema<unknown, unknown> = unchecked<unknown>();

const nested = workflow({
  name: "three-levels",
  version: "1",
  completion: "all",
  nodes: {
    world: split(unchecked<World>(), (regions) => regions),
    region: split(unchecked<Region>(), (shelves) => shelves),
    shelf: split(unchecked<Shelf>(), (shelf) => shelf),
    open,
    mend: node({ input: boxes, run: () => next("mended") }),
    shelfDone: join({ of: "shelf", input: anything, run: ({ inputs }) => next({ shelf: inputs }) }),
    regionDone: join({ of: "region", input: anything, run: ({ inputs }) => next({ region: inputs }) }),
    worldDone: join({ of: "world", input: anything, run: ({ inputs }) => next({ world: inputs }) }),
  },
  start: "world",
  edges: {
    world: "region",
    region: "shelf",
    shelf: "open",
    open: { route: { box: "shelfDone", region: "regionDone", world: "worldDone", leave: [] }, onFailure: "mend" },
    mend: "shelfDone",
    shelfDone: "regionDone",
    regionDone: "worldDone",
    worldDone: [],
  },
});

/** What three levels give where every box just opens. */
function opened(world: World): unknown {
  return { world: world.map((region) => ({ region: region.map((shelf) => ({ shelf })) })) };
}

function scenario(title: string, input: World, output: readonly unknown[] | AnyOrder): Scenario {
  return { title, workflow: nested, input, expected: { output } };
}

const full: World = [
  [
    [1, 2, 3],
    [4, 5, 6],
  ],
  [
    [7, 8, 9],
    [10, 11, 12],
  ],
  [
    [13, 14, 15],
    [16, 17, 18],
  ],
];

/** A fan-out that its own branches lead into again: groups inside of groups, until the limit. */
const deepening = workflow({
  name: "groups-without-end",
  version: "1",
  completion: "all",
  nodes: {
    dig: node({
      input: unchecked<number>(),
      run: ({ input }) => next(input > 0 ? variant("deeper", input - 1) : variant("out", 1)),
    }),
    count: join({
      of: "dig",
      input: unchecked<number>(),
      run: ({ inputs }) => next(inputs.reduce((sum, one) => sum + one, 1)),
    }),
    finish: node({ input: unchecked<number>(), run: ({ input }) => next(input) }),
  },
  start: "dig",
  edges: { dig: { route: { deeper: "dig", out: "count" } }, count: "finish", finish: [] },
});

/** An inner fan-out that no join names opens no group: its items are members of the outer one. */
const unnamed = workflow({
  name: "inner-fan-out-without-a-join",
  version: "1",
  nodes: {
    outer: split(unchecked<readonly number[]>(), (values) => values),
    inner: node({
      input: unchecked<number>(),
      run: ({ input }) => nextAll(Array.from({ length: input }, (_, at) => input * 10 + at)),
    }),
    done: join({ of: "outer", input: unchecked<number>(), run: ({ inputs }) => next([...inputs]) }),
  },
  start: "outer",
  edges: { outer: "inner", inner: "done", done: [] },
});

/** A branch of the inner fan-out whose join leads nowhere ends its outer branch without an arrival. */
const innerEnds = workflow({
  name: "inner-join-that-ends",
  version: "1",
  completion: "all",
  nodes: {
    outer: split(unchecked<readonly (readonly number[])[]>(), (lists) => lists),
    inner: split(unchecked<readonly number[]>(), (values) => values),
    innerDone: join({
      of: "inner",
      input: unchecked<number>(),
      run: ({ inputs }) => nextAll(inputs.length > 1 ? [inputs.length] : []),
    }),
    outerDone: join({ of: "outer", input: unchecked<number>(), run: ({ inputs }) => next([...inputs]) }),
  },
  start: "outer",
  edges: { outer: "inner", inner: "innerDone", innerDone: "outerDone", outerDone: [] },
});

export const nestedJoins: readonly Scenario[] = [
  scenario("three levels join from the inside to the outside, each in branch order", full, [opened(full)]),
  scenario("an empty fan-out at the first level joins empty", [], [{ world: [] }]),
  scenario("an empty fan-out at the second level joins empty, beside a full one", [[], [[1]]], [opened([[], [[1]]])]),
  scenario(
    "an empty fan-out at the third level joins empty, beside a full one",
    [[[], [1]], [[]]],
    [opened([[[], [1]], [[]]])],
  ),
  scenario(
    "a branch that fails over arrives by its failure edge",
    [[[1, "fail"], ["fail"]]],
    [{ world: [{ region: [{ shelf: [1, "mended"] }, { shelf: ["mended"] }] }] }],
  ),
  scenario(
    "branches that hold or emit nothing do not arrive, at whichever depth",
    [[["hold", 1], ["nothing"]], [["hold"]]],
    [{ world: [{ region: [{ shelf: [1] }, { shelf: [] }] }, { region: [{ shelf: [] }] }] }],
  ),
  scenario(
    "a branch that leaves the graph from the inside gives an output, and the joins fire without it",
    [[["leave", 1], ["leave"]]],
    anyOrder([{ world: [{ region: [{ shelf: [1] }, { shelf: [] }] }] }, "leave", "leave"]),
  ),
  scenario(
    "an inner branch may arrive at the join one level up; the joins between fire without it",
    [[[1, "region"], [2]]],
    [{ world: [{ region: [{ shelf: [1] }, "region", { shelf: [2] }] }] }],
  ),
  scenario(
    "an inner branch may arrive at the join two levels up",
    [[["world", 1]], [[2]]],
    [{ world: [{ region: [{ shelf: [1] }] }, "world", { region: [{ shelf: [2] }] }] }],
  ),
  {
    title: "an inner fan-out that no join names adds members to the outer group",
    workflow: unnamed,
    input: [2, 0, 3],
    expected: { output: [20, 21, 30, 31, 32] },
  },
  {
    title: "an inner join that emits nothing ends its outer branch",
    workflow: innerEnds,
    input: [[1, 2], [3], [], [4, 5, 6]],
    expected: { output: [[2, 3]], items: { innerDone: { completed: 4 } } },
  },
  {
    title: "a fan-out inside of itself joins group by group, and only the innermost had an arrival",
    workflow: deepening,
    input: 63,
    expected: { output: [2, ...Array.from({ length: 63 }, () => 1)], items: { count: { completed: 64 } } },
  },
  {
    title: "groups nested more than 64 deep fail with TOO_DEEP",
    workflow: deepening,
    input: 64,
    expected: { failure: { code: "TOO_DEEP", node: "dig" } },
  },
];
