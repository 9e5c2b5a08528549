import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunHandle } from "../../../src/index.ts";
import { assertRunInvariants } from "../harness/run-invariants.ts";
import { catalogue, workflows } from "./catalogue.ts";
import { type Deployment, FORMS } from "./deployments.ts";
import type { Scenario } from "./scenario.ts";
import { judge } from "./verdict.ts";

describe.each(FORMS)("over $name", ({ deploy }) => {
  let deployment: Deployment;
  const handles = new Map<Scenario, RunHandle>();

  // All runs at once, so that workers have items of many at any time.
  beforeAll(async () => {
    deployment = await deploy(workflows);
    for (const scenario of Object.values(catalogue).flat()) {
      const { workflow, input = null, context } = scenario;
      handles.set(scenario, await deployment.orchestrator.startRun(workflow, input, { context }));
    }
  });

  afterAll(async () => {
    await deployment.close();
  });

  describe.each(Object.entries(catalogue))("%s", (_, scenarios) => {
    test.each(scenarios)("$title", async (scenario) => {
      const handle = handles.get(scenario);
      if (handle === undefined) throw new Error("the run was not started");
      await judge(deployment.orchestrator, handle, scenario.expected);
    });
  });

  test("all invariants hold of every run of the catalogue", async () => {
    const figures = await assertRunInvariants(
      deployment.backend.operations,
      [...handles.values()].map(({ id }) => id),
    );
    expect(figures.takeovers).toBe(0);
  });
});
