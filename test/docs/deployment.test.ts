/** The files to deploy with are what they say they are, and every command line that is shown anywhere has options that there are. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { toMilliseconds } from "../../src/index.ts";
import { commandLinesIn, problemsOf, wordsOf } from "./command-lines.ts";
import { allPages, fencesOf, root } from "./pages.ts";
import { parseYaml, type Yaml } from "./plain-yaml.ts";

const folder = join(root, "examples/deployment");
const read = (name: string): string => readFileSync(join(folder, name), "utf8");
const COMPOSE = { "compose.yaml": "postgres", "compose.redis.yaml": "redis" } as const;
const UNIT = "millrace-worker@.service";

/** The entry at the path; fails where there is none. */
function at(value: Yaml, ...path: readonly string[]): Yaml {
  return path.reduce((inner, key) => {
    if (typeof inner !== "object" || Array.isArray(inner) || !Object.hasOwn(inner, key)) throw new Error(`no ${path}`);
    return Reflect.get(inner, key);
  }, value);
}

function textAt(value: Yaml, ...path: readonly string[]): string {
  const found = at(value, ...path);
  if (typeof found !== "string") throw new Error(`${path.join(".")} is no word`);
  return found;
}

function wordsAt(value: Yaml, ...path: readonly string[]): readonly string[] {
  const found = at(value, ...path);
  if (!Array.isArray(found)) throw new Error(`${path.join(".")} is no list`);
  return found.map(String);
}

/** A length of time as compose and systemd write it, in milliseconds; a bare number is seconds. */
function span(text: string): number {
  return /^\d+$/.test(text) ? Number(text) * 1_000 : toMilliseconds(text.replace("min", "m") as "1s", text);
}

function optionOf(argv: readonly string[], name: string): string {
  const position = argv.indexOf(name);
  return argv[position < 0 ? argv.length : position + 1] ?? "";
}

it("has no file that is not looked at here", () => {
  expect(readdirSync(folder).sort()).toEqual(["Dockerfile", ...Object.keys(COMPOSE), UNIT].sort());
});

describe.each(Object.entries(COMPOSE))("%s", (name, server) => {
  const file = parseYaml(read(name));

  it("starts workers once their server is well, and gives them time to drain", async () => {
    const argv = wordsAt(file, "services", "worker", "command");
    expect(await problemsOf(argv)).toEqual([]);
    expect(argv[0]).toBe("worker");
    expect(at(file, "services", "worker", "depends_on")).toEqual({ [server]: { condition: "service_healthy" } });
    const grace = span(textAt(file, "services", "worker", "stop_grace_period"));
    expect(grace).toBeGreaterThan(span(optionOf(argv, "--drain")));
    expect(textAt(file, "services", "worker", "stop_signal")).toBe("SIGTERM");
    expect(Number(textAt(file, "services", "worker", "deploy", "replicas"))).toBe(3);
  });

  it("keeps the store on a volume, and writes no password down", () => {
    const volumes = Object.keys(at(file, "volumes"));
    const mounted = wordsAt(file, "services", server, "volumes").map((volume) => volume.split(":")[0]);
    expect(mounted).toEqual(volumes);
    const url = new URL(
      textAt(file, "services", "worker", "environment", "MILLRACE_URL").replace(/\$\{.*?\}/, "secret"),
    );
    expect([url.protocol, url.hostname, url.password]).toEqual([`${server}:`, server, "secret"]);
    expect(read(name)).not.toMatch(/PASSWORD: (?!\$\{)/);
    expect(Object.keys(at(file, "services", server, "healthcheck"))).toContain("test");
  });
});

test("The Redis of the example keeps what it acknowledged, and throws nothing away", () => {
  const argv = wordsAt(parseYaml(read("compose.redis.yaml")), "services", "redis", "command");
  const settings = ["--appendonly", "--appendfsync", "--maxmemory-policy"].map((option) => optionOf(argv, option));
  expect(settings).toEqual(["yes", "always", "noeviction"]);
});

test("The image runs the command of the package that the project depends on", async () => {
  const steps = read("Dockerfile")
    .split("\n")
    .filter((line) => /^[A-Z]+ /.test(line));
  expect(steps[0]).toMatch(/^FROM node:2[24]/);
  const entry = steps.find((line) => line.startsWith("ENTRYPOINT "))?.slice("ENTRYPOINT ".length) ?? "";
  expect(JSON.parse(entry)).toEqual(["tini", "--", "node", "node_modules/millrace/bin/millrace.js"]);
  const command: unknown = JSON.parse(steps.find((line) => line.startsWith("CMD "))?.slice("CMD ".length) ?? "");
  expect(await problemsOf(Array.isArray(command) ? command.map(String) : [])).toEqual([]);
  expect(steps).toContain("USER node");
});

describe(UNIT, () => {
  const sections = new Map<string, Map<string, string>>();
  let section = "";
  for (const line of read(UNIT).split("\n")) {
    const [, title] = /^\[(\w+)\]$/.exec(line) ?? [];
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (title !== undefined) {
      section = title;
      sections.set(section, new Map());
    } else if (key !== undefined && value !== undefined) sections.get(section)?.set(key, value);
    else if (line !== "" && !line.startsWith("#")) throw new Error(`${line} is no line of a unit`);
  }
  const service = sections.get("Service") ?? new Map<string, string>();

  it("has the sections of a service that can be enabled", () => {
    expect([...sections.keys()]).toEqual(["Unit", "Service", "Install"]);
    expect(sections.get("Install")?.get("WantedBy")).toBe("multi-user.target");
  });

  it("runs the worker, starts it again, and kills nothing that still drains", async () => {
    const argv = wordsOf(service.get("ExecStart") ?? "");
    expect(argv.slice(0, 2)).toEqual(["/usr/bin/node", "node_modules/millrace/bin/millrace.js"]);
    expect(await problemsOf(argv.slice(2))).toEqual([]);
    expect(span(service.get("TimeoutStopSec") ?? "")).toBeGreaterThan(span(optionOf(argv, "--drain")));
    expect([service.get("Restart"), service.get("KillSignal"), service.get("KillMode")]).toEqual([
      "always",
      "SIGTERM",
      "mixed",
    ]);
    expect(service.get("EnvironmentFile")).toBe("/etc/millrace/worker.env");
    // The compiler of JavaScript writes what it then runs.
    expect(service.has("MemoryDenyWriteExecute")).toBe(false);
  });
});

describe("command lines", () => {
  const lines = allPages().flatMap((page) =>
    fencesOf(page)
      .filter(({ language }) => language === "sh")
      .flatMap(({ line, code }) => commandLinesIn(code).map((argv) => ({ place: `${page}:${line}`, argv }))),
  );

  it("are found in pages", () => {
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.map(({ argv }) => argv[0])).toEqual(expect.arrayContaining(["worker", "export", "import", "doctor"]));
  });

  it("have options that there are", async () => {
    const problems: string[] = [];
    for (const { place, argv } of lines) for (const one of await problemsOf(argv)) problems.push(`${place} ${one}`);
    expect(problems).toEqual([]);
  });

  it("are told apart from those that have others", async () => {
    expect(await problemsOf(["worker", "--drains", "1m"])).toEqual(["millrace worker: there is no option --drains"]);
    expect(await problemsOf(["work"])).toEqual(["millrace work: there is no such command"]);
    expect(commandLinesIn('x | millrace import --from - # note\nnpx millrace list --json > "f"')).toEqual([
      ["import", "--from", "-"],
      ["list", "--json"],
    ]);
  });
});

test.each(["a: 1\n  b: 2\n c: 3", "a: 1\na: 2", "a: |\n  text", "a: &x 1", "- - 1", "a:\t1", "just a word"])(
  "YAML that is not known here is refused: %j",
  (source) => {
    expect(() => parseYaml(source)).toThrow();
  },
);
