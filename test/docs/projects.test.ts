/**
 * Pages that build a project, step by step, in an empty folder: files are written as shown, commands are typed as shown, and what a
 * `text` block shows after a command is what it printed. `npm install` finds the packages that are here.
 */

import { expect, it } from "vitest";
import { type Fence, fencesOf, markOf } from "./pages.ts";
import { ProjectFolder, type RunningProgram } from "./project-folder.ts";

it.each([
  ["the tutorial leads from an empty folder to a changed, tested, running workflow", "docs/tutorial.md"],
  ["the guide to testing shows tests that pass", "docs/testing.md"],
])("%s", { timeout: 120_000 }, async (_, page) => {
  await using folder = await ProjectFolder.make();
  const files = new Map<string, string>();
  let background: RunningProgram | undefined;
  let printed = "";
  for (const fence of fencesOf(page)) {
    const place = `${page}:${fence.line}`;
    switch (kindOf(fence)) {
      case "file": {
        const appended = markOf(fence, "append");
        const name = appended ?? markOf(fence, "title") ?? "";
        files.set(name, appended === undefined ? fence.code : `${files.get(name) ?? ""}\n${fence.code}`);
        await folder.write(name, files.get(name) ?? "");
        break;
      }
      case "commands":
        printed = "";
        for (const line of fence.code.trim().split("\n")) printed += await type(folder, line, place);
        break;
      case "background":
        // Stopped as the page says: with Ctrl-C.
        if (background !== undefined) expect(await background.interrupt(), place).toMatchObject({ code: 0 });
        background = await folder.start(fence.code.trim(), "ready");
        break;
      case "printed":
        expect(printed.trimEnd(), place).toBe(fence.code.trimEnd());
        break;
    }
  }
  if (background !== undefined) expect(await background.interrupt()).toMatchObject({ code: 0 });
});

function kindOf(fence: Fence): "file" | "commands" | "background" | "printed" {
  if (markOf(fence, "title") !== undefined || markOf(fence, "append") !== undefined) return "file";
  if (fence.language === "text") return "printed";
  if (fence.language === "sh" && fence.marks.includes("run")) return "commands";
  if (fence.marks.includes("background") || fence.marks.includes("restart")) return "background";
  throw new Error(`${fence.page}:${fence.line} is no step of a project`);
}

/** Types a command; it must succeed. Gives what it printed. */
async function type(folder: ProjectFolder, line: string, place: string): Promise<string> {
  const install = /^npm install(?: --save-dev)? (.+)$/.exec(line);
  if (install?.[1] !== undefined) {
    await folder.install(...install[1].split(" "));
    return "";
  }
  const { code, out, errors } = await folder.run(line);
  expect({ code, errors: code === 0 ? "" : `${out}${errors}` }, `${place}: ${line}`).toEqual({ code: 0, errors: "" });
  return out;
}
