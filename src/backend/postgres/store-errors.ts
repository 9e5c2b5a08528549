/**
 * What an error of the server or the driver means, decided in this one place. An error of the server has a code of five
 * characters (SQLSTATE); one of the driver has none, or that of the operating system. What is shown of it is its first line;
 * details, which hold values of rows, and the connection, which knows the password, are left out.
 */

import { type ErrorCode, isMillraceError, MillraceError } from "../../core/errors.ts";
import { cleanText } from "../../core/text.ts";

/** What may come of it. */
export type StoreTrouble =
  /** The server is not there, or this connection to it is gone: whether the last statement had an effect is unknown. */
  | "lost"
  /** It took longer than it may. */
  | "slow"
  | "crowded"
  | "readOnly"
  | "full"
  | "refused"
  | "forbidden"
  | "corrupt"
  /** Tables are not as this release knows them. */
  | "otherSchema"
  | "tooBig"
  /** Two steps came into each other's way: nothing was applied, and it can be done again. */
  | "conflict"
  /** What a statement asked to be so is not so any more; nothing was applied. */
  | "changed"
  | "other";

/** By SQLSTATE, the longest match first. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const BY_STATE: Readonly<Record<string, StoreTrouble>> = {
  "08": "lost",
  "22012": "changed",
  "23505": "conflict",
  "25006": "readOnly",
  "25P03": "lost",
  "28": "refused",
  "3D000": "refused",
  "3F000": "otherSchema",
  "40": "conflict",
  "42501": "forbidden",
  "42P01": "otherSchema",
  "42703": "otherSchema",
  "42883": "otherSchema",
  "53100": "full",
  "53": "crowded",
  "54000": "tooBig",
  "55P03": "conflict",
  "57014": "slow",
  "57P": "lost",
  "58": "lost",
  F0: "lost",
  XX001: "corrupt",
  XX002: "corrupt",
};

/** Codes of the operating system for a server that cannot be reached, and what the driver says without one. */
const UNREACHABLE =
  /^(?:E(?:CONN\w+|PIPE|HOSTUNREACH|NETUNREACH|HOSTDOWN|TIMEDOUT|NOTFOUND|AI_AGAIN)|ENOTFOUND|ENOENT|EACCES|ERR_(?:SSL|TLS|STREAM|SOCKET)\w*)$/;
const SAID_SLOW = /timeout|timed out/i;
const SAID_REFUSED = /password|SASL|SCRAM|certificate|self.signed|SSL|TLS/i;
const SQLSTATE = /^[0-9A-Z]{5}$/;

/** What kind of trouble an error stands for. */
function troubleOf(error: unknown): StoreTrouble {
  const code = codeOf(error);
  if (code !== undefined && isServerCode(error, code)) return byState(code);
  if (code !== undefined && UNREACHABLE.test(code)) return "lost";
  const said = error instanceof Error ? error.message : "";
  if (SAID_SLOW.test(said)) return "slow";
  return SAID_REFUSED.test(said) ? "refused" : "lost";
}

/** Whether the connection is as good as before: the server itself said what is wrong, and goes on. */
export function isConnectionSound(error: unknown): boolean {
  const code = codeOf(error);
  return code !== undefined && isServerCode(error, code) && byState(code) !== "lost";
}

/** The error to give to a caller. Errors of the engine pass through. */
export function toStoreError(error: unknown, location: string): MillraceError {
  if (isMillraceError(error)) return error;
  const trouble = troubleOf(error);
  const { code, hints } = MEANING[trouble];
  const said = cleanText(error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error), 500);
  return new MillraceError(code, `${location}: ${said || "the connection failed"}`, {
    cause: causeOf(error, said),
    hints,
  });
}

/** Whether an error of `toStoreError` came of this trouble. */
export function isTrouble(error: unknown, ...troubles: readonly StoreTrouble[]): boolean {
  const cause = error instanceof MillraceError ? error.cause : undefined;
  return cause instanceof StoreCause && troubles.includes(cause.trouble);
}

/** What is kept of an error of the driver. */
class StoreCause extends Error {
  override readonly name = "PostgresError";
  readonly trouble: StoreTrouble;
  readonly code: string | undefined;

  constructor(message: string, trouble: StoreTrouble, code: string | undefined) {
    super(message);
    this.trouble = trouble;
    this.code = code;
  }
}

function causeOf(error: unknown, said: string): StoreCause {
  return new StoreCause(said, troubleOf(error), codeOf(error));
}

function byState(code: string): StoreTrouble {
  for (let length = code.length; length >= 2; length -= 1) {
    const trouble = BY_STATE[code.slice(0, length)];
    if (trouble !== undefined) return trouble;
  }
  return "other";
}

/** Errors of the server come with a severity; `EPIPE` looks like a SQLSTATE too. */
function isServerCode(error: unknown, code: string): boolean {
  return SQLSTATE.test(code) && typeof error === "object" && error !== null && "severity" in error;
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const code: unknown = Reflect.get(error, "code");
  return typeof code === "string" ? code : undefined;
}

interface Meaning {
  readonly code: ErrorCode;
  readonly hints?: readonly string[] | undefined;
}

const MEANING: Readonly<Record<StoreTrouble, Meaning>> = {
  lost: {
    code: "BACKEND_UNAVAILABLE",
    hints: ["Check that the server runs and can be reached under this address; the operation can be repeated."],
  },
  slow: {
    code: "BACKEND_UNAVAILABLE",
    hints: [
      "The server is too busy, or a lock is held for long; look at pg_stat_activity, or raise statementTimeoutMs.",
    ],
  },
  crowded: {
    code: "BACKEND_UNAVAILABLE",
    hints: [
      "The server has no connections or memory left: lower poolSize, put a pooler in front, or raise max_connections.",
    ],
  },
  readOnly: {
    code: "BACKEND_UNAVAILABLE",
    hints: ["The server takes no writes: connect to the primary, or end its read-only mode."],
  },
  full: { code: "STORE_FULL", hints: ["The server's disk is full; nothing that was acknowledged is lost."] },
  refused: {
    code: "INVALID_CONFIG",
    hints: [
      "Check the user, the password, the database and the TLS options; pg_hba.conf says who may connect from where.",
    ],
  },
  forbidden: {
    code: "INVALID_CONFIG",
    hints: ["Grant the user CREATE on the database, or make the schema beforehand and let the user own it."],
  },
  corrupt: {
    code: "BACKEND_CORRUPT",
    hints: ["The server found damaged data: restore a backup; pg_amcheck tells what is damaged."],
  },
  otherSchema: {
    code: "BACKEND_CORRUPT",
    hints: [
      "The tables are not those of this release: were they removed, or changed by a later one? Open the store again.",
    ],
  },
  tooBig: { code: "PAYLOAD_TOO_LARGE" },
  conflict: {
    code: "BACKEND_UNAVAILABLE",
    hints: ["Another program holds locks on the tables of this store; the operation can be repeated."],
  },
  changed: { code: "BACKEND_UNAVAILABLE" },
  other: { code: "INTERNAL" },
};
