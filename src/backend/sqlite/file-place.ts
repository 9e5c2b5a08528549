/**
 * Where the file of a store may be. Makes the default folder, private to its user and invisible to git; refuses folders
 * that do not exist and file systems on which SQLite's locks do not hold.
 */

import { existsSync, mkdirSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { MillraceError } from "../../core/errors.ts";

/** The folder that is made without being asked. */
const OWN_FOLDER = ".millrace";

/** File systems that several machines may mount at once, or whose locks another machine keeps. Magic numbers of statfs(2). */
const NETWORK_TYPES: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB"],
  [0x65735546, "FUSE (such as sshfs)"],
  [0x01021997, "9P"],
  [0x5346414f, "AFS"],
  [0x6b414653, "AFS"],
  [0x73757245, "Coda"],
  [0x00c36400, "Ceph"],
  [0x0bd00bd0, "Lustre"],
  [0x01161970, "GFS2"],
  [0x7461636f, "OCFS2"],
  [0x47504653, "GPFS"],
  [0x19830326, "BeeGFS"],
  [0x786f4256, "VirtualBox shared folder"],
  [0xbacbacbc, "VMware shared folder"],
]);

/** The absolute path, with its folder in place. Throws `INVALID_CONFIG`. */
export function preparePlace(path: string): string {
  const file = resolve(path);
  const folder = dirname(file);
  if (basename(folder) === OWN_FOLDER && !existsSync(folder) && existsSync(dirname(folder))) makeOwnFolder(folder);
  if (!isFolder(folder)) {
    throw new MillraceError("INVALID_CONFIG", `the folder of ${file} does not exist`, {
      hints: [`Make it first: mkdir -p ${JSON.stringify(folder)}`],
    });
  }
  if (isFolder(file)) throw new MillraceError("INVALID_CONFIG", `${file} is a folder; name a file in it`);
  const network = networkType(folder);
  if (network !== undefined) {
    throw new MillraceError(
      "INVALID_CONFIG",
      `${folder} is on a network file system (${network}), where SQLite's locks cannot be relied on`,
      {
        hints: [
          "Put the file on a disk of this machine, or use a server (PostgreSQL, Redis) to share a store between machines.",
        ],
      },
    );
  }
  return file;
}

/** The name of the network file system that a folder is on, if it is on one. `typeOf` asks the system. */
export function networkType(folder: string, typeOf: (folder: string) => number = fileSystemType): string | undefined {
  if (process.platform === "win32") return folder.startsWith("\\\\") ? "UNC path" : undefined;
  // Only Linux tells types by fixed numbers.
  return process.platform === "linux" ? NETWORK_TYPES.get(typeOf(folder)) : undefined;
}

function makeOwnFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const ignore = join(folder, ".gitignore");
  if (!existsSync(ignore)) writeFileSync(ignore, "*\n");
}

/** Some systems give the number as a signed one. */
function fileSystemType(folder: string): number {
  return statfsSync(folder).type >>> 0;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
