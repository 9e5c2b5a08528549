import { afterAll, beforeAll, expect, test } from "vitest";
import { CliScene } from "../../test/support/cli-scene.ts";
import { DistributedWorker, next, node, unchecked, workflow } from "../index.ts";

const talk = workflow({
  name: "talk",
  version: "1",
  nodes: {
    one: node({
      input: unchecked<number>(),
      run({ input, logger }) {
        logger.info("first\u001b[31m password=hunter2", { token: "hunter2", input });
        return next(input);
      },
    }),
    two: node({
      input: unchecked<number>(),
      run({ input, logger }) {
        logger.error("second");
        return next(input);
      },
    }),
  },
  start: "one",
  edges: { one: "two", two: [] },
});

const id = "run-talk-0001";
let scene: CliScene;
beforeAll(async () => {
  scene = await CliScene.open();
  await scene.orchestrator.startRun(talk, 1, { id });
  const worker = new DistributedWorker({ backend: scene.backend, workflows: [talk] });
  while ((await worker.runOnce()).kind !== "idle");
  await worker.stop();
});
afterAll(() => scene.close());

test("logs lists what nodes logged, without control characters and secrets", async () => {
  const { code, out, err } = await scene.run(["logs", id]);
  expect([code, err]).toEqual([0, ""]);
  expect(out).toMatch(/ 0 +1 {2}info {3}first.* password=\[redacted\] \{"token":"\[redacted\]","input":1\}\n/);
  expect(out).toMatch(/ 1 +1 {2}error {2}second\n/);
  expect(out).not.toMatch(/hunter2|\u001b/u);
});

test("logs --json gives each line with its item, its time and its data", async () => {
  expect((await scene.json("logs", id)).logs).toMatchObject([
    { itemId: `${id}.0`, attempt: 1, at: expect.stringMatching(/Z$/), level: "info", data: { input: 1 } },
    { itemId: `${id}.1`, level: "error", message: "second" },
  ]);
  expect((await scene.json("logs", id, "--reveal", "--limit", "1")).logs).toMatchObject([
    { data: { token: "hunter2" } },
  ]);
});

test.each([["1"], [`${id}.1`]])("logs --item %s gives the lines of that item", async (item) => {
  expect((await scene.json("logs", id, "--item", item)).logs).toMatchObject([{ message: "second" }]);
});

test("logs of a run whose nodes said nothing is no failure", async () => {
  expect((await scene.run(["logs", "run-good-0001"])).out).toBe("Nothing was logged.\n");
  expect(await scene.run(["logs", "nowhere"])).toMatchObject({ code: 3 });
});
