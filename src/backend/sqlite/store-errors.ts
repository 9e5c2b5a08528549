/**
 * What an error of a SQLite driver means, decided in this one place. Result codes come as `errcode` (node:sqlite) or as
 * text in `code` (better-sqlite3); an extended code keeps the primary one in its low byte. The text of an error may name
 * tables, never values.
 */

import { type ErrorCode, isMillraceError, MillraceError } from "../../core/errors.ts";

/** Primary result codes that mean something to us. https://sqlite.org/rescode.html */
const PRIMARY: Readonly<Record<string, number>> = {
  SQLITE_PERM: 3,
  SQLITE_ABORT: 4,
  SQLITE_BUSY: 5,
  SQLITE_LOCKED: 6,
  SQLITE_NOMEM: 7,
  SQLITE_READONLY: 8,
  SQLITE_INTERRUPT: 9,
  SQLITE_IOERR: 10,
  SQLITE_CORRUPT: 11,
  SQLITE_FULL: 13,
  SQLITE_CANTOPEN: 14,
  SQLITE_PROTOCOL: 15,
  SQLITE_TOOBIG: 18,
  SQLITE_AUTH: 23,
  SQLITE_NOTADB: 26,
};

export type StoreTrouble =
  | "busy"
  | "full"
  /** Reading or writing the file failed. */
  | "io"
  /** Writing to the disk failed in a way after which nothing written since can be trusted to be there. */
  | "sync"
  | "corrupt"
  | "unusable"
  | "tooBig"
  | "other";

const IOERR_FSYNC = 10 | (4 << 8);
const IOERR_DIR_FSYNC = 10 | (5 << 8);
/** The index of the log could not grow, for which a full disk is the one reason. */
const IOERR_SHMSIZE = 10 | (19 << 8);
const ERROR = 1;
/** Our statements fit our schema, so a name that is missing there means that the text of the schema is damaged. */
const MISSING_NAME = /^no such (column|table|index)\b/;

/** What kind of trouble an error of a driver stands for; `undefined` when it is no error of a driver. */
export function troubleOf(error: unknown): StoreTrouble | undefined {
  const code = resultCode(error);
  if (code === undefined) return undefined;
  if (code === IOERR_FSYNC || code === IOERR_DIR_FSYNC) return "sync";
  if (code === IOERR_SHMSIZE) return "full";
  if (code === ERROR && error instanceof Error && MISSING_NAME.test(error.message)) return "corrupt";
  switch (code & 0xff) {
    case 5:
    case 6:
    case 15:
      return "busy";
    case 13:
      return "full";
    case 10:
    case 7:
    case 9:
      return "io";
    case 11:
    case 26:
      return "corrupt";
    case 3:
    case 8:
    case 14:
    case 23:
      return "unusable";
    case 18:
      return "tooBig";
    default:
      return "other";
  }
}

/** The error to give to a caller. Errors of the engine pass through; what is no error of a driver passes through too. */
export function toStoreError(error: unknown, location: string): unknown {
  if (isMillraceError(error)) return error;
  const trouble = troubleOf(error);
  if (trouble === undefined) return error;
  const { code, hints } = meaningOf(trouble);
  const text = error instanceof Error ? error.message : String(error);
  return new MillraceError(code, `${location}: ${text}`, { cause: error, ...(hints === undefined ? {} : { hints }) });
}

function meaningOf(trouble: StoreTrouble): { readonly code: ErrorCode; readonly hints?: readonly string[] } {
  switch (trouble) {
    case "busy":
      return {
        code: "BACKEND_UNAVAILABLE",
        hints: ["Another program holds a lock on the database for long; end its transaction."],
      };
    case "full":
      return { code: "STORE_FULL" };
    case "io":
      return {
        code: "BACKEND_UNAVAILABLE",
        hints: ["Reading or writing the database failed; check the disk and the system's log."],
      };
    case "sync":
      return {
        code: "BACKEND_UNAVAILABLE",
        hints: [
          "The disk did not confirm a write, so nothing more is written here; check the disk, then open the store again.",
        ],
      };
    case "corrupt":
      return {
        code: "BACKEND_CORRUPT",
        hints: ["Restore a backup; `sqlite3 FILE 'PRAGMA integrity_check'` tells what is damaged."],
      };
    case "unusable":
      return {
        code: "BACKEND_UNAVAILABLE",
        hints: ["Check that the file and its folder exist and can be written by this user."],
      };
    case "tooBig":
      return { code: "PAYLOAD_TOO_LARGE" };
    case "other":
      return { code: "INTERNAL" };
  }
}

function resultCode(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const numeric: unknown = Reflect.get(error, "errcode");
  if (typeof numeric === "number") return numeric;
  const text: unknown = Reflect.get(error, "code");
  return typeof text === "string" && text.startsWith("SQLITE_") ? textCode(text) : undefined;
}

function textCode(text: string): number {
  if (text === "SQLITE_IOERR_FSYNC") return IOERR_FSYNC;
  if (text === "SQLITE_IOERR_DIR_FSYNC") return IOERR_DIR_FSYNC;
  if (text === "SQLITE_IOERR_SHMSIZE") return IOERR_SHMSIZE;
  const primary = text.split("_").slice(0, 2).join("_");
  return PRIMARY[primary] ?? 1;
}
