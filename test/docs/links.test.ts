/** Links between pages lead somewhere, and commands that pages name exist. */

import { existsSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";
import { allPages, anchorsOf, linksOf, readPage, root } from "./pages.ts";

const commands = readdirSync(join(root, "src/cli/commands"))
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
  .map((name) => name.slice(0, -".ts".length));

describe("the pages", () => {
  it("lead somewhere with every link between them", () => {
    const lost = allPages()
      .flatMap(linksOf)
      .filter(({ target }) => !/^[a-z]+:/.test(target))
      .filter(({ page, target }) => !leadsSomewhere(page, target))
      .map(({ page, line, target }) => `${page}:${line} ${target}`);
    expect(lost).toEqual([]);
  });

  it("are all reached from the index of the documentation, except decisions", () => {
    const reached = new Set<string>();
    const open = ["docs/README.md"];
    for (let page = open.pop(); page !== undefined; page = open.pop()) {
      if (reached.has(page)) continue;
      reached.add(page);
      for (const { target } of linksOf(page)) {
        const path = normalize(join(dirname(page), target.split("#")[0] ?? "")).replaceAll("\\", "/");
        if (path.endsWith(".md") && path.startsWith("docs/")) open.push(path);
      }
    }
    const left = allPages().filter((page) => page.startsWith("docs/") && !page.startsWith("docs/adr/"));
    expect(left.filter((page) => !reached.has(page))).toEqual([]);
  });

  it("name only commands that there are", () => {
    const unknown = allPages().flatMap((page) =>
      [...readPage(page).matchAll(/(?:^|`)(?:npx )?millrace ([a-z]+)/gm)]
        .map(([, command = ""]) => command)
        .filter((command) => !commands.includes(command))
        .map((command) => `${page}: millrace ${command}`),
    );
    expect(unknown).toEqual([]);
  });
});

function leadsSomewhere(page: string, target: string): boolean {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? page : normalize(join(dirname(page), path));
  if (!existsSync(join(root, file))) return false;
  return anchor === undefined || anchorsOf(file).includes(anchor);
}
