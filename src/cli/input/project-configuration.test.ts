import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { loadProjectConfig, loadWorkflowsFile } from "./project-configuration.ts";

let folder = "";
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "millrace-cli-")));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text = ""): string {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
  return full;
}

const empty = "export default { workflows: [] };";
const bomb = 'throw new Error("this code was run");';
const fakeWorkflow = '{ name: "a", version: "1", hash: "h", definition: {}, "~runtime": {} }';

it("finds the configuration beside the nearest package.json, from any folder below it", async () => {
  write("package.json", "{}");
  const path = write("millrace.config.mjs", empty);
  write("src/deep/file", "");
  expect(await loadProjectConfig(join(folder, "src/deep"))).toEqual({ path, config: { workflows: [] } });
});

it("never runs one that is not in the project's own root", async () => {
  write("millrace.config.mjs", bomb);
  write("project/package.json", "{}");
  write("project/src/millrace.config.mjs", bomb);
  write("project/src/.millrace.config.mjs", bomb);
  expect(await loadProjectConfig(join(folder, "project/src"))).toBeUndefined();
  expect(await loadProjectConfig(join(folder, "project"))).toBeUndefined();
});

it("goes by where a folder really is, not by the link that led there", async () => {
  write("package.json", "{}");
  write("millrace.config.mjs", bomb);
  write("elsewhere/package.json", "{}");
  symlinkSync(join(folder, "elsewhere"), join(folder, "link"));
  expect(await loadProjectConfig(join(folder, "link"))).toBeUndefined();
});

it("refuses to choose between two", async () => {
  write("package.json", "{}");
  write("millrace.config.mjs", empty);
  write("millrace.config.js", empty);
  await expect(loadProjectConfig(folder)).rejects.toMatchObject({ code: "INVALID_CONFIG" });
});

it.each([
  ["throws", bomb, /millrace\.config\.mjs cannot be loaded: this code was run/],
  ["is no JavaScript", "export default {", /cannot be loaded/],
  ["exports nothing", "export const a = 1;", /no configuration as its default export/],
  ["has an option that there is not", "export default { workflows: [], worker: { concurency: 1 } };", /"concurency"/],
  ["has something that is no workflow", "export default { workflows: [{}] };", /workflows\[0\] is not a workflow/],
])("says what is wrong with one that %s", async (_, text, message) => {
  write("package.json", "{}");
  write("millrace.config.mjs", text);
  await expect(loadProjectConfig(folder)).rejects.toMatchObject({
    code: "INVALID_CONFIG",
    message: expect.stringMatching(message),
  });
});

it("takes workflows of a named file, by name, in lists and from a configuration, each once", async () => {
  const named = write(
    "named.mjs",
    `export const a = ${fakeWorkflow}; export const list = [a, ${fakeWorkflow}]; export default a; export const other = 5;`,
  );
  expect((await loadWorkflowsFile(named, folder)).config.workflows).toHaveLength(2);
  write("config.mjs", `export default { url: "memory:", workflows: [${fakeWorkflow}] };`);
  expect((await loadWorkflowsFile("config.mjs", folder)).config).toMatchObject({
    url: "memory:",
    workflows: [{ name: "a" }],
  });
});

it.each([
  ["is not there", "missing.mjs", ""],
  ["is a folder", ".", ""],
  ["exports no workflow", "file.mjs", "export const a = 1;"],
])("refuses a named file that %s", async (_, name, text) => {
  write("file.mjs", text);
  await expect(loadWorkflowsFile(name, folder)).rejects.toMatchObject({ code: "INVALID_CONFIG" });
});
