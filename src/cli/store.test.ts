import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { fakeSurroundings } from "../../test/support/cli-surroundings.ts";
import { chooseStore, requireStore, shownUrl, storeFile } from "./store.ts";

const directory = mkdtempSync(join(tmpdir(), "millrace-cli-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function around(environment: Record<string, string> = {}) {
  return fakeSurroundings({ directory, environment }).around;
}

describe("which store is meant", () => {
  const config = { url: "sqlite:config.db", namespace: "config", workflows: [] };
  const environment = { MILLRACE_URL: "sqlite:env.db", MILLRACE_NAMESPACE: "env" };

  it("is decided by the option, then the environment, then the configuration, then the default", () => {
    const option = { url: "sqlite:option.db", namespace: "option" };
    expect(chooseStore(option, around(environment), config)).toMatchObject({ ...option, chosenBy: "option" });
    expect(chooseStore({}, around(environment), config)).toMatchObject({ url: "sqlite:env.db", namespace: "env" });
    expect(chooseStore({}, around({ MILLRACE_URL: "", MILLRACE_NAMESPACE: "" }), config)).toMatchObject({
      url: config.url,
      namespace: "config",
    });
    expect(chooseStore({}, around())).toEqual({
      url: "sqlite:./.millrace/millrace.db",
      target: `sqlite:${join(directory, ".millrace", "millrace.db")}`,
      namespace: undefined,
      chosenBy: "default",
    });
  });

  it("never shows a password", () => {
    expect(shownUrl("postgres://me:pass@word/db")).not.toContain("pass");
  });
});

describe("a store that is a file", () => {
  it("is found by every form of its URL, and an empty file is none", () => {
    writeFileSync(join(directory, "full.db"), "x");
    writeFileSync(join(directory, "empty.db"), "");
    const path = join(directory, "full.db");
    for (const url of ["sqlite:full.db", "sqlite:./full.db", `sqlite:${path}`, `sqlite://${path}`, `SQLITE:${path}`]) {
      expect(storeFile(url, directory)).toEqual({ path, exists: true });
    }
    expect(storeFile("sqlite:empty.db", directory)?.exists).toBe(false);
    expect(storeFile("sqlite:missing.db", directory)?.exists).toBe(false);
  });

  it("is not looked for where there is none", () => {
    for (const url of ["memory:", "postgres://h/db", "sqlite::memory:", "sqlite:", "nonsense", "sqlite:a\0b"]) {
      expect(storeFile(url, directory)).toBeUndefined();
    }
  });

  it("is asked for with what to do when it is missing", () => {
    expect(() => requireStore(chooseStore({}, around()), around())).toThrow(
      expect.objectContaining({ code: "STORE_NOT_FOUND" }),
    );
  });
});
