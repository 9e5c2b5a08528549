/** Everything in TypeScript that the documentation shows compiles as in a user's strict project, and does what it says. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allPages, fencesOf, isProjectFile, markOf, programsOf, root } from "./pages.ts";
import { ProjectFolder } from "./project-folder.ts";

/** `ini` and `json` are shown; `sh` and `text` belong to the tutorial, or are commands that the tests look up. */
const LANGUAGES = ["ts", "sh", "json", "text", "ini"];

/** Pages that users read and copy from. */
const pages = allPages().filter((page) => page === "README.md" || /^(docs|examples)\//.test(page));
const programs = pages.flatMap(programsOf);
let folder: ProjectFolder;

beforeAll(async () => {
  folder = await ProjectFolder.make();
  await folder.write("package.json", '{ "private": true, "type": "module" }\n');
  await folder.install("millrace", "zod", "valibot", "vitest", "@types/node");
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

describe("the documentation", () => {
  it("has only fences that the tests know", () => {
    const strangers = pages
      .flatMap(fencesOf)
      .filter(({ language }) => !LANGUAGES.includes(language))
      .map(({ page, line, language }) => `${page}:${line} ${language}`);
    expect(strangers).toEqual([]);
  });

  it("shows TypeScript that compiles, against the sources", async () => {
    const places = new Map<string, string>();
    for (const [at, { place, code }] of programs.entries()) {
      await folder.write(`compiled/program-${at}.ts`, code);
      places.set(`compiled/program-${at}.ts`, place);
    }
    for (const [name, { place, code }] of stagesOfProjects()) {
      await folder.write(`compiled/${name}`, code);
      places.set(`compiled/${name}`, place);
    }
    await writeFile(join(folder.path, "tsconfig.json"), JSON.stringify(strictProject()));
    const { out } = await folder.run(`tsc --project ${folder.path} --pretty false --listFiles`);
    const lines = out.split("\n");
    // The sources themselves are checked elsewhere; here they are what the programs are checked against.
    const errors = lines.filter((line) => line.startsWith("compiled/") || line.startsWith("error "));
    expect(errors.map((line) => line.replace(/^compiled\/[^(]+/, (file) => `${places.get(file) ?? file} + `))).toEqual(
      [],
    );
    const compiled = lines.filter((line) => line.startsWith(join(folder.path, "compiled")));
    expect(compiled).toHaveLength(places.size);
  });

  it.each(programs.filter(({ isRun }) => isRun).map((program) => [program.place, program] as const))(
    "shows at %s a program that prints what it says",
    async (place, { code, promised }) => {
      expect(promised.length).toBeGreaterThan(0);
      const name = `run-${place.replaceAll(/[^\w]/g, "-")}.ts`;
      await folder.write(name, code);
      const { out, ...end } = await folder.run(`node ${name}`);
      expect({ ...end, lines: out.trimEnd().split("\n") }).toEqual({ code: 0, errors: "", lines: promised });
    },
  );

  it("promises output only where it is run", () => {
    const idle = programs.filter(({ isRun, promised }) => !isRun && promised.length > 0);
    expect(idle.map(({ place }) => place)).toEqual([]);
  });
});

/** Projects that pages build file by file: for each change all files as they are then, in a folder of their own. */
function stagesOfProjects(): Map<string, { readonly place: string; readonly code: string }> {
  const files = new Map<string, { place: string; code: string }>();
  for (const page of pages) {
    const project = new Map<string, string>();
    for (const fence of fencesOf(page).filter((one) => one.language === "ts" && isProjectFile(one))) {
      const appended = markOf(fence, "append");
      const name = appended ?? markOf(fence, "title") ?? "";
      project.set(name, appended === undefined ? fence.code : `${project.get(name) ?? ""}\n${fence.code}`);
      const stage = `${page.replaceAll(/[^\w]/g, "-")}-${fence.line}`;
      for (const [file, code] of project)
        files.set(`${stage}/${file}`, { place: `${page}:${fence.line} ${file}`, code });
    }
  }
  return files;
}

function strictProject(): unknown {
  return {
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      paths: { millrace: [join(root, "src/index.ts")], "millrace/*": [join(root, "src/*.ts")] },
      typeRoots: [join(root, "node_modules/@types")],
      // Excerpts name more than they use.
      noUnusedLocals: false,
      noUnusedParameters: false,
    },
    include: ["compiled"],
  };
}
