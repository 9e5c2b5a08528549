import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { isMillraceError } from "../../core/errors.ts";
import { loadMigrations, pendingMigrations, schemaAfter } from "./migration-files.ts";

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

test("a newer store is used by code that it says can use it, and by no older one", () => {
  const known = loadMigrations(folderWith("0001-a.sql", "0002-b.sql"));
  expect(pendingMigrations(known, 5, "x", 2)).toEqual([]);
  expect(pendingMigrations(known, 5, "x", 1)).toEqual([]);
  expect(() => pendingMigrations(known, 5, "the file", 3)).toThrow(
    expect.toSatisfy(
      (error) => isMillraceError(error, "BACKEND_TOO_NEW") && /version 5.+version 3/.test(error.message),
    ),
  );
});

test("what a migration asks of code stays asked, whatever later ones say", () => {
  const folder = folderWith("0001-a.sql", "0002-b.sql");
  const write = (file: string, header: string) =>
    writeFileSync(new URL(file, folder), `-- Purpose: x\n${header}\nSELECT 1`);
  write("0003-c.sql", "-- Readable by: 2");
  write("0004-d.sql", "-- Readable by: 3");
  write("0005-e.sql", "-- Readable by: 1");
  const migrations = loadMigrations(folder);
  expect(migrations.map(({ readableBy }) => readableBy)).toEqual([1, 2, 2, 3, 1]);
  let state = { version: 0, readableBy: 0 };
  const states = migrations.map((migration) => {
    state = schemaAfter(state, migration);
    return [state.version, state.readableBy];
  });
  expect(states).toEqual([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
  ]);
});

test.each(["-- Readable by: 0", "-- Readable by: 3"])(
  "a migration that cannot be what it says, %s, is refused",
  (header) => {
    const folder = folderWith("0001-a.sql");
    writeFileSync(new URL("0002-b.sql", folder), `${header}\n`);
    expect(() => loadMigrations(folder)).toThrow(expect.toSatisfy((error) => isMillraceError(error, "INTERNAL")));
  },
);
