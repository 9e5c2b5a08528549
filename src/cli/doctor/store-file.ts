/**
 * What the doctor says of an embedded store's file: where it lies, how much room is left, which schema it has, and
 * whether it is whole. Looking at a large file as a whole takes time, so that is done only where it was asked for.
 */

import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { type Finding, note, ok, wrong } from "./finding.ts";

const TMPFS = 0x01021994;

const LITTLE_ROOM = 104_857_600;
/** Reading this much takes about a second. */
const CHEAP_BYTES = 268_435_456;

/** Looks at the file and where it lies. Throws what opening it throws. */
export async function examineStoreFile(path: string, thorough: boolean): Promise<readonly Finding[]> {
  const { inspectSqlite } = await import("../../sqlite.ts");
  const file = await inspectSqlite(path, { checkUpToBytes: thorough ? Number.POSITIVE_INFINITY : CHEAP_BYTES });
  const schema =
    file.schemaVersion < file.newestSchema
      ? note(
          "schema",
          `version ${file.schemaVersion}; this release has ${file.newestSchema}`,
          "Whatever opens the store next brings it up to date.",
        )
      : file.schemaVersion > file.newestSchema
        ? note(
            "schema",
            `version ${file.schemaVersion}, which a newer release has made; this one can use it`,
            `Upgrade this installation, too: it knows version ${file.newestSchema}.`,
          )
        : ok("schema", `version ${file.schemaVersion}, up to date`);
  return [...(await examinePlace(path, file.network)), schema, examineContent(file)];
}

async function examinePlace(path: string, network: string | undefined): Promise<readonly Finding[]> {
  const { type, bsize, bavail } = await statfs(dirname(path));
  const room = bsize * bavail;
  return [
    network !== undefined
      ? wrong(
          "file system",
          `${path} lies on a network file system (${network})`,
          "Its locks cannot be trusted with several programs; keep the file on a local disk.",
        )
      : type === TMPFS
        ? note("file system", `${path} lies in memory (tmpfs)`, "It does not survive a restart of the machine.")
        : ok("file system", `${path} lies on a local file system`),
    room < LITTLE_ROOM
      ? wrong(
          "room",
          `${megabytes(room)} MB are left on the disk`,
          "Free some space; when it is full, writes are refused with STORE_FULL.",
        )
      : ok("room", `${megabytes(room)} MB are left on the disk`),
  ];
}

function examineContent({
  bytes,
  checked,
  problems,
}: {
  readonly bytes: number;
  readonly checked: boolean;
  readonly problems: readonly string[];
}): Finding {
  if (!checked)
    return note(
      "integrity",
      `not looked at: the file has ${megabytes(bytes)} MB`,
      "Look at all of it: millrace doctor --thorough",
    );
  if (problems.length === 0) return ok("integrity", `whole, ${megabytes(bytes)} MB`);
  return wrong("integrity", `the file is damaged:\n${problems.join("\n")}`, "Restore a backup.");
}

function megabytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(bytes < 10_485_760 ? 1 : 0);
}
