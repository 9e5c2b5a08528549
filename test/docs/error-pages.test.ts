/** A page for every error code, as the one table and the texts beside it make them. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { codesNotYetGiven, errorPages } from "../../scripts/error-pages.mjs";
import { ERRORS } from "../../src/core/error-table.ts";

const folder = fileURLToPath(new URL("../../docs/errors/", import.meta.url));
const sources = fileURLToPath(new URL("../../src/", import.meta.url));

describe("the pages of the error codes", () => {
  it("are those that the table and its texts give (write them with: node scripts/error-pages.mjs)", () => {
    const written = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
    expect(written).toEqual(errorPages());
  });

  it("are one for each code, and a list of all", () => {
    expect([...errorPages().keys()].sort()).toEqual(
      [...Object.keys(ERRORS).map((code) => `${code}.md`), "README.md"].sort(),
    );
  });

  it("each say what to do, and usual causes of all that is given", () => {
    for (const [name, text] of errorPages()) {
      if (name === "README.md") continue;
      expect(text, name).toMatch(/## What to do\n\n- .+/);
      if (!codesNotYetGiven().includes(name.slice(0, -".md".length)))
        expect(text, name).toMatch(/## Usual causes\n\n- .+/);
    }
  });

  it("say of those codes alone that they are not given yet which no code of the package gives", () => {
    const code = readdirSync(sources, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts") && !/\.test(-d)?\.ts$/.test(path) && !path.endsWith("error-table.ts"))
      .map((path) => readFileSync(join(sources, path), "utf8"))
      .join("\n");
    expect(Object.keys(ERRORS).filter((name) => !code.includes(`"${name}"`))).toEqual(codesNotYetGiven());
  });
});
