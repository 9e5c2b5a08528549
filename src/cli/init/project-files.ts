/**
 * The files of a new project, as text: a workflow with a retry and a failure edge, its test, the configuration, and what
 * npm and the compiler need. All of it runs as it is; a test of ours runs it. Pure.
 */

/** A file to write, by its path below the project's folder. */
export interface ProjectFile {
  readonly path: string;
  readonly text: string;
}

/** The files, for a project of this name and this version of millrace. */
export function projectFiles(name: string, version: string): readonly ProjectFile[] {
  return [
    { path: "package.json", text: manifest(name, version) },
    { path: "tsconfig.json", text: COMPILER },
    { path: ".gitignore", text: "node_modules/\n.millrace/\n" },
    { path: "millrace.config.ts", text: CONFIGURATION },
    { path: "src/greeting.ts", text: WORKFLOW },
    { path: "src/greeting.test.ts", text: TEST },
  ];
}

/** A name that npm takes, made of a folder's. */
export function packageName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, "-")
    .replace(/^[._-]+/, "")
    .replace(/-+$/, "")
    .slice(0, 100);
  return name === "" || name === "millrace" || name === "node_modules" ? "workflows" : name;
}

function manifest(name: string, version: string): string {
  const content = {
    name,
    version: "0.1.0",
    private: true,
    type: "module",
    engines: { node: ">=22.18.0" },
    scripts: { dev: "millrace dev", test: "node --test", check: "tsc" },
    dependencies: { millrace: `^${version}` },
    devDependencies: { "@types/node": "^22.18.0", typescript: ">=5.9.0" },
  };
  return `${JSON.stringify(content, undefined, 2)}\n`;
}

const COMPILER = `{
  "compilerOptions": {
    "target": "es2024",
    "lib": ["es2024", "esnext.disposable"],
    "module": "nodenext",
    "types": ["node"],
    "strict": true,
    "noEmit": true,
    "skipLibCheck": true,
    "allowImportingTsExtensions": true,
    "erasableSyntaxOnly": true,
    "verbatimModuleSyntax": true
  },
  "include": ["millrace.config.ts", "src"]
}
`;

const CONFIGURATION = `import { defineConfig } from "millrace";
import { greeting } from "./src/greeting.ts";

export default defineConfig({ workflows: [greeting] });
`;

const WORKFLOW = `import { abort, context, field, next, node, unchecked, workflow } from "millrace";

/** What starts a run. For checked inputs use a schema of zod, valibot or arktype in place of unchecked(). */
interface Guest {
  readonly name: string;
}

const Shared = context({ log: field.eventLog<string>() });

const compose = node({
  context: Shared,
  input: unchecked<Guest>(),
  run({ input, context }) {
    if (input.name === "") return abort("nobody to greet");
    context.log.append(\`composed for \${input.name}\`);
    return next(\`Hello, \${input.name}!\`);
  },
});

/** Does something that may fail now and then; it is tried again. */
const deliver = node({
  context: Shared,
  input: unchecked<string>(),
  retry: { maxAttempts: 3, initialBackoff: "200ms" },
  run({ input, context, attempt }) {
    context.log.append(\`delivered at attempt \${attempt}\`);
    return next(input);
  },
});

/** Where a run goes on when there is nobody to greet. */
const apologise = node({
  input: unchecked<Guest>(),
  run: ({ error }) => next(\`Sorry: \${error?.message ?? "something went wrong"}.\`),
});

export const greeting = workflow({
  name: "greeting",
  version: "1.0.0",
  context: Shared,
  nodes: { compose, deliver, apologise },
  start: "compose",
  edges: {
    compose: { to: "deliver", onFailure: "apologise" },
    deliver: [],
    apologise: [],
  },
});
`;

const TEST = `import assert from "node:assert/strict";
import { test } from "node:test";
import { run } from "millrace";
import { testWorkflow } from "millrace/testing";
import { greeting } from "./greeting.ts";

test("greets a guest", async () => {
  const { output, context } = await run(greeting, { name: "Ada" });
  assert.equal(output, "Hello, Ada!");
  assert.deepEqual([...context.log.events], ["composed for Ada", "delivered at attempt 1"]);
});

test("apologises where there is nobody to greet", async () => {
  const { output } = await run(greeting, { name: "" });
  assert.equal(output, "Sorry: nobody to greet.");
});

test("tries again when the delivery fails", async () => {
  const t = await testWorkflow(greeting);
  t.fail("deliver", new Error("the line is busy"), { attempts: 1 });
  const started = await t.start({ name: "Ada" });
  assert.equal(await started.toEnd(), "completed");
  assert.equal(await started.output(), "Hello, Ada!");
  await t.close();
});
`;
