/** A workflow for looking at: each attempt ends as its input says. */

import { abort, hold, next, node, unchecked, workflow } from "../../../src/index.ts";

/** One node of which the input says how each attempt ends. */
export const moody = workflow({
  name: "moody",
  version: "1.0",
  nodes: {
    act: node({
      input: unchecked<readonly string[]>(),
      serializable: true,
      retry: { maxAttempts: 9, initialBackoff: "1s", strategy: "fixed" },
      run({ input, attempt, metric }) {
        metric("attempt", attempt);
        switch (input[attempt - 1]) {
          case "fail":
            throw new Error(`attempt ${attempt}`);
          case "abort":
            return abort("given up", { code: "GIVEN_UP" });
          case "hold":
            return hold();
          default:
            return next(attempt);
        }
      },
    }),
    last: node({ input: unchecked<number>(), run: ({ input }) => next(input) }),
    mend: node({ input: unchecked<readonly string[]>(), run: ({ error }) => next(error?.code ?? "") }),
  },
  start: "act",
  edges: { act: { to: "last", onFailure: "mend" }, last: [], mend: [] },
});
