/** Joins that decide from the context: serializable nodes that hold until they have seen enough. */

import {
  context,
  dynamicWorkflow,
  field,
  hold,
  next,
  nextAll,
  node,
  split,
  unchecked,
  workflow,
} from "../../../../src/index.ts";
import { anyOrder, range, type Scenario } from "../scenario.ts";

const feed = split(unchecked<number>(), range);

const Gathered = context({ seen: field.counter(), values: field.set<number>(), fired: field.counter() });

function gathering(name: string, wanted: number) {
  return workflow({
    name,
    version: "1",
    context: Gathered,
    nodes: {
      feed,
      gather: node({
        context: Gathered,
        input: unchecked<number>(),
        serializable: true,
        run({ input, context: gathered }) {
          gathered.values.add(input);
          gathered.seen.add();
          if (gathered.seen.value !== wanted) return hold();
          gathered.fired.add();
          return next([...gathered.values]);
        },
      }),
      count: node({ input: unchecked<readonly number[]>(), run: ({ input }) => next(input.length) }),
    },
    start: "feed",
    edges: { feed: "gather", gather: "count", count: [] },
  });
}

const allOfThem = gathering("gather-30", 30);
const quorum = gathering("quorum-2", 2);
const never = gathering("gather-too-many", 1_000);

const Register = context({ last: field.register<readonly number[]>([]), plain: field.register<number>(0) });

/** Reads and sets in two steps, which without serializability would lose updates. */
const readThenSet = workflow({
  name: "read-then-set",
  version: "1",
  context: Register,
  completion: "all",
  nodes: {
    feed,
    add: node({
      context: Register,
      input: unchecked<number>(),
      serializable: true,
      async run({ input, context: register }) {
        const before = register.last.value;
        await Promise.resolve();
        register.last.set([...before, input]);
        return nextAll<number>([]);
      },
    }),
  },
  start: "feed",
  edges: { feed: "add", add: [] },
});

/** Each turn is numbered by what the ones before it have counted: no number is given twice. */
const Turns = context({ turns: field.counter(), attempts: field.eventLog<string>() });

const numbered = workflow({
  name: "serial-numbers",
  version: "1",
  context: Turns,
  completion: "all",
  nodes: {
    feed,
    take: node({
      context: Turns,
      input: unchecked<number>(),
      serializable: true,
      run({ context: turns, attempt, idempotencyKey, itemId }) {
        turns.turns.add();
        turns.attempts.append(`${attempt} ${idempotencyKey === itemId}`);
        return next(turns.turns.value);
      },
    }),
  },
  start: "feed",
  edges: { feed: "take", take: [] },
});

/** Measures in an execution that may lose to a conflict: only the one that counts is measured. */
const measured = workflow({
  name: "measured-once",
  version: "1",
  context: Turns,
  completion: "all",
  nodes: {
    feed,
    take: node({
      context: Turns,
      input: unchecked<number>(),
      serializable: true,
      run({ input, context: turns, metric }) {
        metric("executions", 1);
        turns.turns.add();
        return next(turns.turns.value * 0 + input);
      },
    }),
  },
  start: "feed",
  edges: { feed: "take", take: [] },
});

/** Steps are kept over executions that lost: each is made once for its item. */
const Steps = context({ tokens: field.map<string>(), seen: field.counter() });

const stepped = workflow({
  name: "steps-over-conflicts",
  version: "1",
  context: Steps,
  completion: "all",
  nodes: {
    feed,
    take: node({
      context: Steps,
      input: unchecked<number>(),
      serializable: true,
      async run({ input, context: steps, step }) {
        let made = 0;
        const token = await step("token", () => {
          made += 1;
          return `${input}`;
        });
        steps.tokens.set(String(input), token);
        steps.seen.add();
        return next(steps.seen.value > 0 && made <= 1);
      },
    }),
  },
  start: "feed",
  edges: { feed: "take", take: [] },
});

/** Ten nodes that hold each other off: the last one of each letter emits. */
const Letters = context({ counts: field.map<number>() });

const several = dynamicWorkflow<number, readonly string[], (typeof Letters)["fields"]>({
  name: "two-free-joins",
  version: "1",
  context: Letters,
  completion: "all",
  nodes: { feed, a: counting("a"), b: counting("b") },
  start: "feed",
  edges: { feed: ["a", "b"], a: [], b: [] },
});

function counting(letter: string) {
  return node({
    context: Letters,
    input: unchecked<number>(),
    serializable: true,
    run({ context: letters }) {
      const count = (letters.counts.get(letter) ?? 0) + 1;
      letters.counts.set(letter, count);
      return count < 8 ? hold() : next(`${letter}${count}`);
    },
  });
}

export const freeJoins: readonly Scenario[] = [
  {
    title: "thirty items hold until their context counts them, and one emits with all of the values",
    workflow: allOfThem,
    input: 30,
    expected: {
      output: 30,
      items: { gather: { held: 29, completed: 1 }, count: { completed: 1 } },
      context: { seen: 30, fired: 1, values: anyOrder(range(30)) },
    },
  },
  {
    title: "a quorum of two of three fires once",
    workflow: quorum,
    input: 3,
    expected: {
      output: 2,
      items: { gather: { held: 2, completed: 1 }, count: { completed: 1 } },
      context: { seen: 3, fired: 1 },
    },
  },
  {
    title: "items that all hold leave their run stuck, and it names what holds",
    workflow: never,
    input: 5,
    expected: { failure: { code: "RUN_STUCK", message: /held at "gather"/ }, items: { gather: { held: 5 } } },
  },
  {
    title: "in a serializable node no update is lost between reading and setting",
    workflow: readThenSet,
    input: 40,
    expected: { output: [], context: { last: anyOrder(range(40)) } },
  },
  {
    title: "a repetition after a conflict is the same attempt with the same key, and its numbers are given once",
    workflow: numbered,
    input: 25,
    expected: {
      output: anyOrder(range(25).map((at) => at + 1)),
      context: { turns: 25, attempts: range(25).map(() => "1 true") },
      errors: [],
    },
  },
  {
    title: "an execution that lost to a conflict leaves no measurement",
    workflow: measured,
    input: 25,
    expected: { output: range(25), metrics: { executions: 25 }, context: { turns: 25 } },
  },
  {
    title: "steps are kept over executions that lost to a conflict",
    workflow: stepped,
    input: 20,
    expected: { output: range(20).map(() => true), context: { seen: 20 } },
  },
  {
    title: "two free joins on different keys of one map each fire once",
    workflow: several,
    input: 8,
    expected: { output: anyOrder(["a8", "b8"]), context: { counts: { a: 8, b: 8 } } },
  },
];
