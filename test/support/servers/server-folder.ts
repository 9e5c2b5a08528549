/**
 * The folder a private server lives in, and whom it runs as. PostgreSQL refuses to serve as root, so that root hands it
 * to the user `postgres` (or `nobody`), who must be able to reach the folder.
 */

import { chownSync, mkdtempSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { getuid } from "node:process";

/** A user of the machine. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/** Whom a server that refuses root runs as; `undefined` when that is whoever runs the tests. */
export function unprivileged(): Identity | undefined {
  if (getuid?.() !== 0) return undefined;
  const users = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  for (const name of ["postgres", "nobody"]) {
    const [, , uid, gid] = users.find(([user]) => user === name) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error("PostgreSQL does not run as root, and this machine has no user postgres or nobody: useradd postgres");
}

/** A new folder that belongs to the identity. Whoever asked removes it. */
export function serverFolder(name: string, identity?: Identity): string {
  const temporary = identity === undefined || openToAll(tmpdir()) ? tmpdir() : "/tmp";
  const folder = mkdtempSync(join(temporary, `millrace-${name}-`));
  if (identity !== undefined) chownSync(folder, identity.uid, identity.gid);
  return folder;
}

function openToAll(folder: string): boolean {
  const passable = (statSync(folder).mode & 0o001) !== 0;
  return passable && (dirname(folder) === folder || openToAll(dirname(folder)));
}
