import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { launcher, node, Project, runProgram } from "./project.ts";

test("a new project passes its own tests, works, and is watched", async () => {
  const project = new Project();
  expect(await project.run("init", "greeter", "--yes")).toMatchObject({ code: 0, err: "" });
  // What `npm install` would bring is in the folder above already.
  const tested = await runProgram(node, ["--test", "--test-reporter=tap"], project.path("greeter"));
  expect([tested.code, tested.err]).toEqual([0, ""]);
  expect(tested.out).toMatch(/^# pass 3$/m);
  const dev = project.spawn(["dev"], { within: "greeter" });
  await dev.says("npx millrace start greeting");
  const started = project.spawn(["start", "greeting", "--input", '{"name":"Ada"}', "--wait"], { within: "greeter" });
  expect(await started.ended).toMatchObject({ code: 0, out: '"Hello, Ada!"\n' });
});

test("list starts within its budget of time", async () => {
  const project = new Project();
  await project.run("start", "double", "--input", '{"amount":1}');
  const bin = project.path("node_modules", ".bin");
  mkdirSync(bin, { recursive: true });
  symlinkSync(launcher, join(bin, "millrace"));
  const path = `${dirname(node)}:${process.env.PATH ?? ""}`;
  const medians: number[] = [];
  // A machine that is busy at the moment says nothing about the program: the best of a few medians counts.
  while (medians.length < 5 && !medians.some((median) => median <= BUDGET_MS)) {
    const times: number[] = [];
    for (let at = 0; at < 11; at += 1) {
      const begun = performance.now();
      const { code } = await runProgram(join(bin, "millrace"), ["list"], project.folder, { PATH: path });
      expect(code).toBe(0);
      times.push(performance.now() - begun);
    }
    const warm = times.slice(1).sort((a, b) => a - b);
    medians.push(((warm[4] ?? 0) + (warm[5] ?? 0)) / 2);
  }
  expect(Math.min(...medians)).toBeLessThanOrEqual(BUDGET_MS);
});

const BUDGET_MS = 250;
