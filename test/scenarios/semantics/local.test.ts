import { expect, test } from "vitest";
import { isMillraceError, run, type Workflow } from "../../../src/index.ts";
import { catalogue } from "./catalogue.ts";
import type { Scenario } from "./scenario.ts";
import { compared } from "./verdict.ts";

/** What `run` came to: its output, or what its run failed with. */
async function runHere(
  workflow: Workflow,
  { input = null, context }: Scenario,
): Promise<Readonly<Record<string, unknown>>> {
  try {
    const result = await run(workflow, input, { context });
    return { output: result.output, ...result.context.toJSON() };
  } catch (error) {
    if (!isMillraceError(error, "RUN_FAILED")) throw error;
    return { code: error.cause instanceof Error && "code" in error.cause ? error.cause.code : undefined };
  }
}

test.each(Object.entries(catalogue))(
  "run in this process gives of %s what the distributed engine gives",
  async (_, scenarios) => {
    const given = await Promise.all(scenarios.map((scenario) => runHere(scenario.workflow, scenario)));
    for (const [at, scenario] of scenarios.entries()) {
      const { output, failure, context = {} } = scenario.expected;
      const seen = given[at] ?? {};
      const wanted =
        failure === undefined
          ? { ...("output" in scenario.expected ? { output } : {}), ...context }
          : { code: failure.code };
      expect({ title: scenario.title, ...compared(seen, wanted).seen }).toEqual({
        title: scenario.title,
        ...compared(seen, wanted).wanted,
      });
    }
  },
);
