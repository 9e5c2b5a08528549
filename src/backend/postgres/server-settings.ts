/** What the server's settings say of its promise: how new it is, whether it takes writes, and what survives its crash. */

import { MillraceError } from "../../core/errors.ts";
import type { Capabilities } from "../contract/capabilities.ts";
import type { Advice } from "../contract/operations.ts";
import type { Session, SqlRow } from "./driver.ts";
import { plainTextAt } from "./row-values.ts";

const OLDEST_MAJOR = 15;

interface Settings {
  readonly major: number;
  readonly isStandby: boolean;
  readonly fsync: boolean;
  readonly fullPageWrites: boolean;
  readonly synchronousCommit: string;
}

async function settingsOf(session: Session): Promise<Settings> {
  const names = ["server_version_num", "fsync", "full_page_writes", "synchronous_commit"];
  const columns = names.map((name) => `current_setting('${name}')`);
  const [result] = await session.run([{ text: `SELECT ${columns.join(", ")}, pg_is_in_recovery()`, values: [] }]);
  const row: SqlRow = result?.rows[0] ?? [];
  return {
    major: Math.trunc(Number(plainTextAt(row, 0)) / 10_000),
    fsync: row[1] === "on",
    fullPageWrites: row[2] === "on",
    synchronousCommit: plainTextAt(row, 3),
    isStandby: row[4] === true,
  };
}

/** What an acknowledged write survives there. Throws for a server that is too old, takes no writes, or gives less than is asked for. */
export async function durabilityOf(
  session: Session,
  asked: "power" | "process" | undefined,
  location: string,
): Promise<Exclude<Capabilities["durability"], "none">> {
  const settings = await settingsOf(session);
  if (settings.major < OLDEST_MAJOR) {
    throw new MillraceError(
      "INVALID_CONFIG",
      `${location} is PostgreSQL ${settings.major}; ${OLDEST_MAJOR} or later is needed`,
      {
        hints: ["Upgrade the server, or use another store."],
      },
    );
  }
  if (settings.isStandby) {
    throw new MillraceError("BACKEND_UNAVAILABLE", `${location} is a standby and takes no writes`, {
      hints: ["Connect to the primary, or promote this server."],
    });
  }
  const weakness = weaknessOf(settings);
  if (weakness === undefined) return asked ?? "power";
  if (asked === "power") {
    throw new MillraceError(
      "DURABILITY_TOO_WEAK",
      `${location} has ${weakness}, which is less than the tier "power" needs`,
      { hints: [`Change that setting of the server, or ask for durability: "process" by name.`] },
    );
  }
  return "process";
}

/** What an operator should know. */
export async function adviceOn(session: Session): Promise<readonly Advice[]> {
  const settings = await settingsOf(session);
  const advice: Advice[] = [];
  if (!settings.fsync) {
    advice.push({
      level: "warning",
      about: "fsync",
      message: "The server does not wait for its disk (fsync = off): a power failure may damage everything.",
      hint: "Set fsync = on and restart the server.",
    });
  }
  if (!settings.fullPageWrites) {
    advice.push({
      level: "warning",
      about: "full_page_writes",
      message: "The server may be left with half-written pages by a power failure (full_page_writes = off).",
      hint: "Set full_page_writes = on, unless the file system rules such pages out.",
    });
  }
  if (settings.synchronousCommit === "off") {
    advice.push({
      level: "warning",
      about: "synchronous_commit",
      message: "What was acknowledged in the last moments may be lost in a crash (synchronous_commit = off).",
      hint: "Set synchronous_commit = on for the database or the user.",
    });
  }
  return advice;
}

function weaknessOf({ fsync, fullPageWrites, synchronousCommit }: Settings): string | undefined {
  if (!fsync) return "fsync = off";
  if (!fullPageWrites) return "full_page_writes = off";
  return synchronousCommit === "off" ? "synchronous_commit = off" : undefined;
}
