import { describe, expect, it } from "vitest";
import { z } from "zod";
import { isMillraceError } from "../core/errors.ts";
import { context, field } from "./context/field.ts";
import { join, joinByName } from "./join.ts";
import { node } from "./node.ts";
import { split } from "./ready-made.ts";
import { next } from "./transition.ts";
import { dynamicWorkflow, workflow } from "./workflow.ts";

const number = node({ input: z.number(), run: ({ input }) => next(input) });

/** The problems that building something ends with. */
function problemsOf(build: () => unknown): readonly string[] {
  try {
    build();
  } catch (thrown) {
    if (!isMillraceError(thrown, "INVALID_WORKFLOW")) throw thrown;
    const { details } = thrown;
    if (typeof details === "object" && details !== null && "problems" in details && Array.isArray(details.problems)) {
      for (const problem of details.problems) expect(thrown.message).toContain(problem);
      return details.problems;
    }
  }
  return [];
}

/** Builds what the compiler would not let through. */
function problemsOfAny(description: unknown): readonly string[] {
  return problemsOf(() => Reflect.apply(dynamicWorkflow, undefined, [description]));
}

describe("INVALID_WORKFLOW", () => {
  it("lists all problems at once, whatever they are", () => {
    const problems = problemsOfAny({
      name: "bad name",
      version: "",
      completion: "last",
      maxItems: 0,
      timeout: "soon",
      retry: { maxAttempts: 0 },
      compatible: ["x"],
      colour: "red",
      start: "begin",
      nodes: {
        a: number,
        "b/c": number,
        raw: { input: z.number(), run: () => next(1) },
        join: join({ of: "nothing", input: z.number(), run: () => next(1) }),
      },
      edges: { a: ["a", "a", "nowhere"], ghost: [], raw: [], "b/c": { to: "a", onFailure: [] } },
    });
    expect(problems).toEqual([
      'a workflow has no option "colour"',
      expect.stringContaining("name has characters that a name cannot have"),
      "version must not be empty",
      expect.stringContaining('the name of node "b/c" has characters'),
      'node "raw" was not made by node(), join() or their like',
      'edge of "a" names "a" more than once',
      'edge of "b/c", onFailure is empty, which would swallow the error; name a node or leave it out',
      'edges lack the node "join"; write "join": [] if the graph ends there',
      'edges: there is no node named "ghost"',
      'edges: there is no node named "raw"',
      'completion must be "single", "first" or "all"',
      "maxItems must be a whole number of at least 1",
      expect.stringContaining("retry.maxAttempts must be"),
      expect.stringContaining("timeout must be milliseconds"),
      'start: there is no node named "begin"',
      'edge of "a": there is no node named "nowhere"',
      'join "join" is of "nothing", but there is no node of that name',
      "compatible must hold workflows or hashes of 32 hexadecimal digits",
    ]);
  });

  it("names the workflow in its message, and gives a hint", () => {
    const build = () =>
      dynamicWorkflow({ name: "w", version: "1", nodes: { a: number }, start: "b", edges: { a: [] } });
    expect(build).toThrow('workflow "w" has a problem:\n  - start: there is no node named "b"');
    expect(build).toThrow(expect.objectContaining({ hints: [expect.any(String)] }));
  });

  it.each([
    ["no description", undefined, "it must be described by an object"],
    ["no nodes", { name: "w", version: "1", nodes: {}, start: "a", edges: {} }, "it has no nodes"],
    [
      "nodes that are no object",
      { name: "w", version: "1", nodes: 3, start: "a", edges: {} },
      "nodes must be an object of nodes",
    ],
    [
      "edges that are no object",
      { name: "w", version: "1", nodes: { a: number }, start: "a", edges: [] },
      "edges must be an object with an edge for each node",
    ],
    [
      "a start that is no name",
      { name: "w", version: "1", nodes: { a: number }, start: 1, edges: { a: [] } },
      "start must be a node's name",
    ],
    [
      "no name",
      { version: "1", nodes: { a: number }, start: "a", edges: { a: [] } },
      "name must be a string; it is undefined",
    ],
    [
      "a context that is none",
      { name: "w", version: "1", context: 5, nodes: { a: number }, start: "a", edges: { a: [] } },
      "context must be made by context()",
    ],
  ])("is thrown for %s", (_what, description, problem) => {
    expect(problemsOfAny(description)).toContainEqual(expect.stringContaining(problem));
  });

  it.each([
    [
      "an unknown option",
      { to: [], onFailur: "a" },
      'edge of "a" has no option "onFailur" (did you mean "onFailure"?)',
    ],
    [
      "an edge that is a number",
      3,
      'edge of "a" must be a node\'s name, an array of names, or an object with to or route',
    ],
    [
      "an edge without a way",
      { onFailure: "a" },
      'edge of "a" has neither to nor route; write to: [] if the graph ends there',
    ],
    ["a misspelt target", "aa", 'edge of "a": there is no node named "aa" (did you mean "a"?)'],
    ["targets that are no names", { to: [1] }, 'edge of "a", to, way 1 must be { when, to }'],
    ["a route that is no object", { route: "a" }, 'edge of "a", route must be an object with a way for each kind'],
    ["a route of no kinds", { route: {} }, 'edge of "a", route names no kind'],
    ["a kind without a name", { route: { "": "a" } }, 'edge of "a", route: a kind is an empty string'],
    [
      "guards without a default",
      [{ when: () => true, to: "a" }],
      'edge of "a" has no default: its last way must be { to } without a guard',
    ],
    [
      "a way that can't be reached",
      [{ to: "a" }, { to: [] }],
      'edge of "a", way 1 has no guard, so the ways after it are never taken',
    ],
    [
      "a guard that is no function",
      [{ when: true, to: "a" }, { to: [] }],
      'edge of "a", way 1: when must be a function',
    ],
    [
      "names among guards",
      [{ when: () => true, to: "a" }, "a"],
      'edge of "a", way 2 must be { when, to }; names and guarded ways don\'t mix',
    ],
    [
      "two guards of one name",
      [{ name: "x", when: () => true, to: "a" }, { name: "x", when: () => true, to: [] }, { to: [] }],
      'edge of "a", way 2 has the same guard name as one before it: "x"',
    ],
    [
      "a guard named like one without a name",
      [{ name: "guard-2", when: () => true, to: "a" }, { when: () => true, to: [] }, { to: [] }],
      'edge of "a", way 2 has the same guard name as one before it: "guard-2"',
    ],
    [
      "a guard's name that is none",
      [{ name: "", when: () => true, to: "a" }, { to: [] }],
      'edge of "a", way 1: the name of a guard must be a string of 1 to 128 characters',
    ],
    [
      "a default with a name",
      [
        { when: () => true, to: "a" },
        { name: "rest", to: [] },
      ],
      'edge of "a", way 2 has a name but no guard',
    ],
    [
      "an option of a way that is none",
      [{ wen: 1, when: () => true, to: "a" }, { to: [] }],
      'edge of "a", way 1 has no option "wen" (did you mean "when"?)',
    ],
    [
      "an empty timeout exit",
      { to: [], onTimeout: [] },
      'edge of "a", onTimeout is empty, which would swallow the error; name a node or leave it out',
    ],
    ["a doubled route target", { route: { x: ["a", "a"] } }, 'edge of "a", route "x" names "a" more than once'],
    ["a doubled failure target", { to: [], onFailure: ["a", "a"] }, 'edge of "a", onFailure names "a" more than once'],
  ])("is thrown for an edge with %s", (_what, edge, problem) => {
    expect(problemsOfAny({ name: "w", version: "1", nodes: { a: number }, start: "a", edges: { a: edge } })).toEqual([
      problem,
    ]);
  });

  it.each([
    ["no input", { run: () => next(1) }, "it has no input"],
    [
      "an input that is no schema",
      { input: {}, run: () => next(1) },
      "input is no Standard Schema (zod, valibot, arktype, unchecked())",
    ],
    [
      "an output that is no schema",
      { input: z.number(), output: {}, run: () => next(1) },
      "output is no Standard Schema (zod, valibot, arktype, unchecked())",
    ],
    ["no body", { input: z.number() }, "it has no run"],
    ["a body that is no function", { input: z.number(), run: 1 }, "run must be a function"],
    ["no description", undefined, "it must be described by an object"],
    [
      "a misspelt option",
      { input: z.number(), run: () => next(1), timeuot: 1 },
      'a node has no option "timeuot" (did you mean "timeout"?)',
    ],
    [
      "a bad timeout",
      { input: z.number(), run: () => next(1), timeout: "3 fortnights" },
      'timeout must be milliseconds, or a number with a unit such as "1.5s", "10m", "2h" or "30d"; it is "3 fortnights"',
    ],
    ["no time at all", { input: z.number(), run: () => next(1), timeout: 0 }, "timeout must be longer than nothing"],
    [
      "a bad deadline",
      { input: z.number(), run: () => next(1), deadline: -1 },
      "deadline must not be negative; it is -1",
    ],
    [
      "a bad priority",
      { input: z.number(), run: () => next(1), priority: 1.5 },
      "priority must be an integer; it is 1.5",
    ],
    [
      "a bad retry policy",
      { input: z.number(), run: () => next(1), retry: { factor: 0 } },
      "retry.factor must be a finite number of at least 1; it is 0",
    ],
    [
      "retry: true",
      { input: z.number(), run: () => next(1), retry: true },
      "retry must be a policy, or false; it is boolean",
    ],
    [
      "a bad queue",
      { input: z.number(), run: () => next(1), queue: "a b" },
      'queue has characters that a name cannot have: "a b"',
    ],
    [
      "labels that are no list",
      { input: z.number(), run: () => next(1), labels: "gpu" },
      "labels must be an array of names",
    ],
    [
      "a label that is no name",
      { input: z.number(), run: () => next(1), labels: [1] },
      "a label must be a string; it is number",
    ],
    ["a label twice", { input: z.number(), run: () => next(1), labels: ["a", "a"] }, 'labels are given twice: "a"'],
    [
      "a description that is no text",
      { input: z.number(), run: () => next(1), description: 1 },
      "description must be a string",
    ],
    [
      "a serializable that is no boolean",
      { input: z.number(), run: () => next(1), serializable: 1 },
      "serializable must be true or false",
    ],
    [
      "a context that is none",
      { input: z.number(), run: () => next(1), context: 1 },
      "context must be made by context()",
    ],
  ])("is thrown for a node with %s", (_what, description, problem) => {
    const made: unknown = Reflect.apply(node, undefined, [description]);
    expect(problemsOfAny({ name: "w", version: "1", nodes: { a: made }, start: "a", edges: { a: [] } })).toContain(
      `node "a": ${problem}`,
    );
  });

  it.each([
    [
      "no fan-out",
      join,
      { input: z.number(), run: () => next(1) },
      "of (the fan-out that it joins) must be a string; it is undefined",
    ],
    ["no input", join, { of: "s", run: () => next(1) }, "it has no input"],
    ["no inputs", joinByName, { of: "s", run: () => next(1) }, "inputs must be an object of schemas"],
    [
      "empty inputs",
      joinByName,
      { of: "s", inputs: {}, run: () => next(1) },
      "inputs must name at least one predecessor",
    ],
    [
      "an input that is no schema",
      joinByName,
      { of: "s", inputs: { s: 1 }, run: () => next(1) },
      "inputs.s is no Standard Schema (zod, valibot, arktype, unchecked())",
    ],
  ])("is thrown for a join with %s", (_what, make, description, problem) => {
    const made: unknown = Reflect.apply(make, undefined, [description]);
    const nodes = { s: number, j: made };
    expect(problemsOfAny({ name: "w", version: "1", nodes, start: "s", edges: { s: "j", j: [] } })).toContain(
      `node "j": ${problem}`,
    );
  });

  it("is thrown for context fields that the workflow lacks, or has as another kind", () => {
    const needy = node({
      input: z.number(),
      context: context({ n: field.counter(), log: field.eventLog() }),
      run: () => next(1),
    });
    expect(
      problemsOfAny({
        name: "w",
        version: "1",
        context: context({ n: field.register(1) }),
        nodes: { needy },
        start: "needy",
        edges: { needy: [] },
      }),
    ).toEqual([
      'node "needy" needs the context field "log", which the workflow\'s context does not have',
      'node "needy" needs the context field "n" as counter; the workflow has it as register',
    ]);
  });

  it("is thrown for nodes that can't be reached, a loop of them included", () => {
    expect(
      problemsOf(() =>
        workflow({
          name: "w",
          version: "1",
          nodes: { a: number, b: number, c: number },
          start: "a",
          edges: { a: [], b: "c", c: "b" },
        }),
      ),
    ).toEqual([`node "b" can't be reached from the start "a"`, `node "c" can't be reached from the start "a"`]);
  });

  it("is thrown for joins: bypassed, of the wrong node, with the wrong inputs", () => {
    const fan = split(z.number(), (n) => [n]);
    const first = join({ of: "fan", input: z.number(), run: ({ inputs }) => next(inputs.length) });
    const named = joinByName({ of: "fan", inputs: { a: z.number(), b: z.number() }, run: () => next(1) });
    expect(
      problemsOf(() =>
        dynamicWorkflow({
          name: "w",
          version: "1",
          nodes: { begin: number, fan, a: number, first, named },
          start: "begin",
          edges: { begin: ["fan", "first"], fan: "a", a: ["first", "named"], first: [], named: [] },
        }),
      ),
    ).toEqual([
      'join "first" is reached where no group of its fan-out "fan" is open: begin -> first; every path to it must leave "fan" first, and pass no other join of it',
      'join "named" has an input "b", but no edge leads from such a node to it',
    ]);
  });

  it("is thrown for too many nodes, without looking at all of them", () => {
    const nodes = Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`n${index}`, number]));
    const edges = Object.fromEntries(Object.keys(nodes).map((name, index) => [name, `n${(index + 1) % 10_001}`]));
    expect(problemsOfAny({ name: "w", version: "1", nodes, start: "n0", edges })).toContain(
      "it has 10001 nodes; at most 10000 are allowed",
    );
  });

  it("is thrown for a definition that can't be stored as JSON", () => {
    const edge: unknown = JSON.parse('{"route":{"__proto__":"a"}}');
    expect(problemsOfAny({ name: "w", version: "1", nodes: { a: number }, start: "a", edges: { a: edge } })).toEqual([
      expect.stringContaining("__proto__"),
    ]);
  });

  it("is thrown for compatible definitions whose runs would be stranded", () => {
    const older = workflow({
      name: "o",
      version: "1",
      nodes: { a: number, b: number },
      start: "a",
      edges: { a: "b", b: [] },
    });
    expect(
      problemsOf(() =>
        workflow({ name: "o", version: "2", nodes: { a: number }, start: "a", edges: { a: [] }, compatible: [older] }),
      ),
    ).toEqual(['compatible o@1: its node "b" is gone']);
  });
});
