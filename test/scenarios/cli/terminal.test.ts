import { existsSync, readdirSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { until } from "../harness/until.ts";
import { Project } from "./project.ts";
import { provideTmux, Terminal } from "./terminal.ts";

beforeAll(provideTmux, 300_000);

/** Ages and times differ from run to run; their places do not. */
function ageless(text: string): string {
  return text
    .replaceAll(/\b(\d+[smh] ago|now)\b +/g, (age) => "AGE".padEnd(age.length))
    .replaceAll(/ +\d+(\.\d+)?(ms|s)\b/g, (took) => "TOOK".padStart(took.length));
}

test("a list is cut to a terminal, and whole in a pipe", async () => {
  const project = new Project();
  const tags = ["--tag", "customer=a-customer-with-a-long-name", "--tag", "region=north"];
  await project.run("start", "double", "--id", "a-run-with-an-id-longer-than-most", "--input", '{"amount":1}', ...tags);
  const piped = ageless((await project.run("list")).out);
  expect(piped.split("\n")[1]).toMatch(
    /^a-run-with-an-id-longer-than-most {2}double@1\.0\.0 {2}running {2}AGE +TOOK +0 +1 +0 {2}customer=a-customer-with-a-long-name region=north$/,
  );
  const terminal = new Terminal(project, ["list"], { COLUMNS: "" });
  await terminal.shows("exit: 0");
  const [heading = "", row = "", exit] = terminal.screen().split("\n");
  expect(heading).toMatch(/^RUN +WORKFLOW +STATUS +STARTED +TOOK +DONE +OPEN +FAILED +TAGS$/);
  expect(row).toMatch(/^…\S+ +double@1\.0\.0 +running .+…$/);
  expect(Math.max(heading.length, row.length)).toBeLessThanOrEqual(80);
  expect(exit).toBe("exit: 0");
  expect(terminal.screen({ colours: true })).toContain("\u001b[36mrunning");
});

test("colours stay away where they are not wanted", async () => {
  const project = new Project();
  await project.run("start", "double", "--input", '{"amount":1}');
  for (const environment of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) {
    const terminal = new Terminal(project, ["list"], environment);
    await terminal.shows("exit: 0");
    expect(terminal.screen({ colours: true })).not.toContain("\u001b[");
  }
});

test("many runs are asked about, and the answer decides", async () => {
  const project = new Project();
  for (const id of ["one", "two", "three"]) await project.run("start", "double", "--id", id, "--input", '{"amount":1}');
  const no = new Terminal(project, ["cancel", "--workflow", "double"]);
  await no.shows("Cancel 3 runs? [y/N]");
  no.type("n", "Enter");
  await no.shows("exit: 7");
  expect(no.screen()).toContain("error: not confirmed; nothing was done\n  code: CANCELLED");
  const yes = new Terminal(project, ["cancel", "--workflow", "double", "--search", "t"]);
  await yes.shows("Cancel 2 runs? [y/N]");
  yes.type("y", "Enter");
  await yes.shows("exit: 0");
  expect(yes.screen()).toMatch(/(^|\n)2 of 2 runs cancelled\nexit: 0$/);
  expect((await project.json("list", "--status", "running")).runs).toMatchObject([{ id: "one" }]);
});

test("a run is watched with a bar and its nodes, which leave one line behind", async () => {
  const project = new Project();
  await project.worker();
  const input = { started: project.path("started"), gate: project.path("gate") };
  await project.run("start", "patient", "--id", "patient-1", "--input", JSON.stringify(input));
  await until("the body runs", () => existsSync(input.started));
  const terminal = new Terminal(project, ["watch", "patient-1"]);
  await terminal.shows("0 of 1 items done");
  expect(terminal.screen()).toMatch(
    /^patient-1 of patient@1\.0\.0 is running\n░{24} {3}0% {2}0 of 1 items done, 1 open, 0 failed {2}\S+$/,
  );
  project.write("gate");
  await terminal.shows("exit: 0");
  expect(terminal.screen()).toBe("patient-1 is completed\nexit: 0");
  expect((await project.run("watch", "patient-1")).out).toMatch(
    /^\S+ waiting patient-1\.0 completed\n\S+ run is completed\n$/,
  );
});

test("a wide run is watched to its end, node by node", async () => {
  const project = new Project();
  await project.run("start", "spread", "--id", "wide", "--input", "300");
  const terminal = new Terminal(project, ["watch", "wide"]);
  await terminal.shows("0 of 1 items done");
  await project.worker();
  await terminal.shows("exit: 0");
  expect(terminal.screen()).toBe("wide is completed\nexit: 0");
});

test("Ctrl-C ends dev in good order", async () => {
  const project = new Project();
  const terminal = new Terminal(project, ["dev"]);
  await terminal.shows("next: change a file");
  terminal.type("C-c");
  await terminal.shows("exit: 0");
  expect(terminal.screen()).toMatch(/draining: [\s\S]+drained: 0 attempts completed, 0 failed\nexit: 0$/);
  expect((await project.json("workers")).workers).toEqual([]);
});

test("init shows what it will write, and asks", async () => {
  const project = new Project();
  const terminal = new Terminal(project, ["init", "greeter"]);
  await terminal.shows("Write these 6 files? [y/N]");
  expect(terminal.screen()).toMatch(
    /^In greeter:\n {2}new {3}package\.json\n[\s\S]+\n {2}new {3}src\/greeting\.test\.ts\nWrite these/,
  );
  expect(existsSync(project.path("greeter"))).toBe(false);
  terminal.type("y", "Enter");
  await terminal.shows("exit: 0");
  expect(terminal.screen()).toMatch(/\nnext: cd greeter && npm install && npm test && npx millrace dev\nexit: 0$/);
  expect(readdirSync(project.path("greeter")).sort()).toEqual([
    ".gitignore",
    "millrace.config.ts",
    "package.json",
    "src",
    "tsconfig.json",
  ]);
});
