/** Many items that take a moment each: for runs that are paused, cancelled and resumed while they are worked on. */

import { setTimeout as passed } from "node:timers/promises";
import { context, field, join, next, node, split, unchecked, workflow } from "../../../../src/index.ts";
import { range } from "../scenario.ts";

const Done = context({ done: field.eventLog<number>(), sum: field.register<number>(0) });

export const interrupted = workflow({
  name: "interrupted",
  version: "1",
  context: Done,
  nodes: {
    feed: split(unchecked<number>(), range),
    work: node({
      context: Done,
      input: unchecked<number>(),
      async run({ input, context: { done, sum } }) {
        done.append(input);
        sum.update((before) => before + input);
        await passed(2);
        return next(input);
      },
    }),
    gather: join({ of: "feed", input: unchecked<number>(), run: ({ inputs }) => next([...inputs]) }),
  },
  start: "feed",
  edges: { feed: "work", work: "gather", gather: [] },
});
