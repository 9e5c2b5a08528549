import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { isMillraceError } from "../../core/errors.ts";
import { loadMigrations, pendingMigrations } from "./migration-files.ts";

function folderWith(...files: string[]): URL {
  const folder = mkdtempSync(join(tmpdir(), "millrace-migrations-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const file of files) writeFileSync(join(folder, file), `-- ${file}`);
  return pathToFileURL(`${folder}/`);
}

test("migrations come in the order of their numbers, other files aside", () => {
  const found = loadMigrations(folderWith("0002-b.sql", "0001-a.sql", "notes.txt"));
  expect(found.map(({ version, name, sql }) => [version, name, sql])).toEqual([
    [1, "a", "-- 0001-a.sql"],
    [2, "b", "-- 0002-b.sql"],
  ]);
});

test.each([
  ["a gap", ["0001-a.sql", "0003-c.sql"]],
  ["a number twice", ["0001-a.sql", "0001-b.sql"]],
  ["a bad name", ["first.sql"]],
  ["none at all", []],
])("a folder with %s is refused", (_, files) => {
  const folder = folderWith(...files);
  expect(() => loadMigrations(folder)).toThrow(expect.toSatisfy((error) => isMillraceError(error, "INTERNAL")));
});

test("what was applied is not applied again, and a newer store is refused", () => {
  const known = loadMigrations(folderWith("0001-a.sql", "0002-b.sql"));
  expect(pendingMigrations(known, 0, "x")).toHaveLength(2);
  expect(pendingMigrations(known, 1, "x").map(({ name }) => name)).toEqual(["b"]);
  expect(pendingMigrations(known, 2, "x")).toEqual([]);
  expect(() => pendingMigrations(known, 3, "the file")).toThrow(
    expect.toSatisfy((error) => isMillraceError(error, "BACKEND_TOO_NEW") && error.message.includes("the file")),
  );
});
