/** All scenarios, and the workflows that workers need for them. */

import type { Workflow } from "../../../src/index.ts";
import type { Scenario } from "./scenario.ts";
import { completion } from "./tables/completion.ts";
import { contexts } from "./tables/contexts.ts";
import { failures } from "./tables/failures.ts";
import { freeJoins } from "./tables/free-joins.ts";
import { hostileValues } from "./tables/hostile-values.ts";
import { interrupted } from "./tables/interrupted.ts";
import { nestedJoins } from "./tables/nested-joins.ts";
import { retries } from "./tables/retries.ts";
import { routing } from "./tables/routing.ts";
import { structuredJoins } from "./tables/structured-joins.ts";
import { transitions } from "./tables/transitions.ts";

/** By what they show. */
export const catalogue: Readonly<Record<string, readonly Scenario[]>> = {
  transitions,
  routing,
  failures,
  "structured joins": structuredJoins,
  "nested joins": nestedJoins,
  "free joins": freeJoins,
  completion,
  retries,
  contexts,
  "hostile values": hostileValues,
};

export const workflows: readonly Workflow[] = [
  interrupted,
  ...new Set(
    Object.values(catalogue)
      .flat()
      .map(({ workflow }) => workflow),
  ),
];
