/**
 * Joins that decide for themselves: twenty values into a node that holds until its context counts them all, and three
 * votes of which two decide.
 */

import { context, field, hold, next, nextAll, node, unchecked, workflow } from "../../../src/index.ts";

export const VALUES = 20;

const Gathered = context({ values: field.eventLog<number>(), calls: field.counter() });

const scatter = node({
  input: unchecked<number>(),
  run: ({ input }) => nextAll(Array.from({ length: VALUES }, (_, at) => input + at)),
});

const gather = node({
  context: Gathered,
  input: unchecked<number>(),
  serializable: true,
  run({ input, context: gathered }) {
    gathered.values.append(input);
    gathered.calls.add();
    if (gathered.values.length < VALUES) return hold();
    return next([...gathered.values.events]);
  },
});

/** Its output is every value, in the order in which they came. */
export const gathering = workflow({
  name: "gathering",
  version: "1.0.0",
  context: Gathered,
  nodes: { scatter, gather },
  start: "scatter",
  edges: { scatter: "gather", gather: [] },
});

const Votes = context({
  votes: field.counter(),
  decisions: field.eventLog<readonly string[]>(),
  voters: field.set<string>(),
});

const ask = node({ input: unchecked<null>(), run: () => nextAll(["ann", "ben", "cem"]) });

const vote = node({
  context: Votes,
  input: unchecked<string>(),
  serializable: true,
  run({ input, context: votes }) {
    votes.voters.add(input);
    votes.votes.add();
    if (votes.votes.value !== 2) return hold();
    return next([...votes.voters]);
  },
});

const decide = node({
  context: Votes,
  input: unchecked<readonly string[]>(),
  run({ input, context: votes }) {
    votes.decisions.append(input);
    return next(input);
  },
});

/** Its output is who had voted when two had. */
export const quorum = workflow({
  name: "quorum",
  version: "1.0.0",
  context: Votes,
  nodes: { ask, vote, decide },
  start: "ask",
  edges: { ask: "vote", vote: "decide", decide: [] },
});
