import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { until } from "../harness/until.ts";
import { Project } from "./project.ts";

test("dev works, starts again after a change, waits out what does not load, and says what to do next", async () => {
  const project = new Project();
  const dev = project.spawn(["dev"]);
  await dev.says("next: change a file");
  expect(dev.out).toMatch(/^ready: 1 worker, .+\nnext: .+npx millrace start patient --input '…' --wait\n$/);
  expect(await project.run("start", "double", "--input", '{"amount":4}', "--wait")).toMatchObject({ out: "8\n" });

  const path = project.path("millrace.config.ts");
  const working = readFileSync(path, "utf8");
  project.write("millrace.config.ts", "throw new Error('half written');\n");
  await dev.says("waiting for a change");
  expect(dev.out).toMatch(/\nmillrace\.config\.ts changed: starting again\n/);
  expect(dev.err).toMatch(/half written\n {2}code: INVALID_CONFIG/);

  // The same version with another graph: while developing that is no conflict.
  project.write("millrace.config.ts", working.replaceAll("process.env.CHANGED", '"yes"'));
  await until("the workers are ready again", () => dev.out.split("ready: ").length === 3);
  project.write("notes.txt", "no source");
  project.write("node_modules/.cache/x.json", "{}");
  expect(await project.run("start", "double", "--input", '{"amount":4}', "--wait")).toMatchObject({ out: "8\n" });

  dev.signal("SIGINT");
  const { code, signal, out } = await dev.ended;
  expect([code, signal]).toEqual([0, null]);
  expect(out.split("next: ")).toHaveLength(2);
  expect(out.split("starting again")).toHaveLength(3);
  expect((await project.json("workers")).workers).toEqual([]);
});

test("no worker stays behind when dev is killed", async () => {
  const project = new Project();
  const dev = project.spawn(["dev", "--json"]);
  await dev.says('"event":"next"');
  const [ready = "{}"] = dev.out.split("\n");
  const { pid } = JSON.parse(ready);
  await dev.kill();
  await until("its workers have ended", () => !isRunning(pid));
  expect((await project.json("workers")).workers).toEqual([]);
});

test("dev without a configuration says what to do", async () => {
  const project = new Project();
  project.write("elsewhere/package.json", "{}");
  const { code, err } = await project.spawn(["dev"], { within: "elsewhere" }).ended;
  expect([code, err]).toEqual([2, expect.stringContaining("Create millrace.config.ts")]);
  expect(existsSync(project.path("elsewhere", ".millrace"))).toBe(false);
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
