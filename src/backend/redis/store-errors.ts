/**
 * What an error of a server or of its driver means, decided in this one place. A server's error begins with a word for its
 * kind. Invariant: no address with a password, no key and no value gets from an error into what a caller is told.
 */

import { type ErrorCode, isMillraceError, MillraceError } from "../../core/errors.ts";

interface Meaning {
  readonly code: ErrorCode;
  readonly text: string;
  readonly hints?: readonly string[];
}

function unavailable(text: string, ...hints: readonly string[]): Meaning {
  return { code: "BACKEND_UNAVAILABLE", text, hints };
}

const CREDENTIALS: Meaning = {
  code: "INVALID_CONFIG",
  text: "the server refuses the user or the password",
  hints: ["Check the user and the password of the URL, and what the user may do: ACL WHOAMI and ACL LIST tell."],
};

const FULL: Meaning = {
  code: "STORE_FULL",
  text: "the server has reached its maxmemory",
  hints: ["Raise maxmemory, or shorten the retention of finished runs; nothing that was acknowledged is lost."],
};

const MEANINGS: Readonly<Record<string, Meaning>> = {
  LOADING: unavailable("the server is reading its data from disk", "Wait until it has; nothing else is needed."),
  BUSY: unavailable(
    "the server is busy with a script",
    "A script of another program runs for too long: SCRIPT KILL ends one that has written nothing.",
  ),
  CLUSTERDOWN: unavailable("the cluster is down", "Check with CLUSTER INFO that every slot has a node that serves it."),
  TRYAGAIN: unavailable("the cluster is moving the slot of the data", "Try again once it is done."),
  MASTERDOWN: unavailable("the server has lost its master", "Check the replication, or name the master's address."),
  READONLY: unavailable(
    "the server is a replica and takes no writes",
    "Name the address of the master; after a failover clients find it by themselves.",
  ),
  NOREPLICAS: unavailable(
    "the server has too few replicas to take writes",
    "Bring its replicas back, or lower min-replicas-to-write.",
  ),
  MISCONF: unavailable(
    "the server cannot write to its disk and so takes no writes",
    "Look at the server's log and at the space that is left on its disk.",
  ),
  OOM: FULL,
  NOAUTH: CREDENTIALS,
  WRONGPASS: CREDENTIALS,
  NOPERM: CREDENTIALS,
  WRONGTYPE: {
    code: "BACKEND_CORRUPT",
    text: "a key of the store holds another type of value",
    hints: ["Another program writes under the prefix of this store: give them different prefixes or databases."],
  },
  UNFINISHED: unavailable(
    "a write was interrupted by an error of the server and cannot be finished yet",
    "Look at the server's log; it is finished as soon as the server takes writes again.",
  ),
};

/** Codes of a platform's errors that mean that there is no connection. */
const NO_CONNECTION = /^(E[A-Z]+|ERR_(TLS|SSL|SOCKET)\w*|CERT_\w+|DEPTH_ZERO\w*|SELF_SIGNED\w*|UNABLE_TO\w*)$/u;
const KIND = /^([A-Z]{2,})(?=[ :]|$)/u;

/** The error to give to a caller. Errors of the engine pass through. */
export function toStoreError(error: unknown, location: string): MillraceError {
  if (isMillraceError(error)) return error;
  const { code, text, hints } = meaningOf(error);
  return new MillraceError(code, `${location}: ${text}`, {
    cause: error,
    ...(hints === undefined || hints.length === 0 ? {} : { hints }),
  });
}

/** Whether a server says that it does not know a script, which is no trouble. */
export function isUnknownScript(error: unknown): boolean {
  return kindOf(error) === "NOSCRIPT";
}

/** The word that a server's error begins with. */
function kindOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  return KIND.exec(error.message)?.[1];
}

function meaningOf(error: unknown): Meaning {
  const kind = kindOf(error) ?? "";
  const known = Object.hasOwn(MEANINGS, kind) ? MEANINGS[kind] : undefined;
  if (known !== undefined) return known;
  if (!(error instanceof Error)) return { code: "INTERNAL", text: "the driver threw something that is no error" };
  if (isOfServer(error)) return { code: "INTERNAL", text: `the server refused a command: ${error.message}` };
  return unavailable(
    connectionProblem(error),
    "Check that the server runs, and that it can be reached at this address.",
  );
}

/** The driver's own name for what a server answered. */
function isOfServer(error: Error): boolean {
  return ["SimpleError", "BlobError", "ErrorReply"].includes(error.constructor.name);
}

/** Errors of a connection name hosts and ports at most. */
function connectionProblem(error: Error): string {
  const code: unknown = Reflect.get(error, "code");
  if (typeof code === "string" && NO_CONNECTION.test(code)) return `there is no connection (${code})`;
  return `there is no connection (${error.message})`;
}
