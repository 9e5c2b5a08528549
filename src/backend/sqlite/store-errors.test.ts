import { expect, test } from "vitest";
import { isMillraceError, MillraceError } from "../../core/errors.ts";
import { toStoreError, troubleOf } from "./store-errors.ts";

test.each([
  [5, "SQLITE_BUSY", "BACKEND_UNAVAILABLE"],
  [517, "SQLITE_BUSY_SNAPSHOT", "BACKEND_UNAVAILABLE"],
  [6, "SQLITE_LOCKED", "BACKEND_UNAVAILABLE"],
  [13, "SQLITE_FULL", "STORE_FULL"],
  [4_874, "SQLITE_IOERR_SHMSIZE", "STORE_FULL"],
  [10, "SQLITE_IOERR", "BACKEND_UNAVAILABLE"],
  [1_034, "SQLITE_IOERR_FSYNC", "BACKEND_UNAVAILABLE"],
  [1_290, "SQLITE_IOERR_DIR_FSYNC", "BACKEND_UNAVAILABLE"],
  [778, "SQLITE_IOERR_WRITE", "BACKEND_UNAVAILABLE"],
  [11, "SQLITE_CORRUPT", "BACKEND_CORRUPT"],
  [779, "SQLITE_CORRUPT_INDEX", "BACKEND_CORRUPT"],
  [26, "SQLITE_NOTADB", "BACKEND_CORRUPT"],
  [8, "SQLITE_READONLY", "BACKEND_UNAVAILABLE"],
  [14, "SQLITE_CANTOPEN", "BACKEND_UNAVAILABLE"],
  [18, "SQLITE_TOOBIG", "PAYLOAD_TOO_LARGE"],
  [1_555, "SQLITE_CONSTRAINT_PRIMARYKEY", "INTERNAL"],
  [1, "SQLITE_ERROR", "INTERNAL"],
] as const)("result code %i, which is also called %s, means %s", (errcode, code, meaning) => {
  const ofNode = Object.assign(new Error("why"), { code: "ERR_SQLITE_ERROR", errcode });
  const ofBetterSqlite = Object.assign(new Error("why"), { code });
  expect(troubleOf(ofNode)).toBe(troubleOf(ofBetterSqlite));
  for (const error of [ofNode, ofBetterSqlite]) {
    const told = toStoreError(error, "/data/store.db");
    expect(isMillraceError(told, meaning)).toBe(true);
    expect(told).toMatchObject({ message: "/data/store.db: why", cause: error });
  }
});

test("a name that the schema does not have means that the schema is damaged", () => {
  for (const message of ["no such column: run.affinity", "no such table: item", "no such index: item_ready"]) {
    const error = Object.assign(new Error(message), { code: "ERR_SQLITE_ERROR", errcode: 1 });
    expect(isMillraceError(toStoreError(error, "x"), "BACKEND_CORRUPT")).toBe(true);
  }
});

test("errors of the engine and of anything but a driver pass through as they are", () => {
  const own = new MillraceError("INVALID_VALUE", "m");
  const bug = new TypeError("undefined is not a function");
  for (const error of [own, bug, "text", undefined, null, Object.assign(new Error("x"), { code: "ENOENT" })]) {
    expect(toStoreError(error, "x")).toBe(error);
    expect(troubleOf(error)).toBeUndefined();
  }
});
