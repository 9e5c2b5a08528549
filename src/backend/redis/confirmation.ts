/**
 * What else has to confirm a write before it counts as done: replicas, or the disks of servers. A write that was not
 * confirmed in time may be there all the same, so whoever asked for it is told that it is unknown.
 */

import { MillraceError } from "../../core/errors.ts";
import type { Confirmation } from "./partition.ts";
import { listOf, numberOf } from "./reply.ts";
import { isAtLeast, type ServerSettings } from "./server-settings.ts";

export interface WaitOptions {
  /** So many replicas must have taken each write over (`WAIT`). Other requests of this handle wait meanwhile. */
  readonly waitReplicas?: number | undefined;
  /** The file of writes of the server itself, and of so many replicas, must be on disk (`WAITAOF`, Redis 7.2 and later). */
  readonly waitAof?: { readonly local: boolean; readonly replicas: number } | undefined;
  /** How long that is waited for. Default: one second. */
  readonly waitTimeoutMs?: number | undefined;
}

const WAIT_TIMEOUT_MS = 1_000;
const WAITAOF_SINCE = [7, 2] as const;

/** Throws `INVALID_CONFIG` for what a server does not have. */
export function confirmationOf(
  { waitReplicas, waitAof, waitTimeoutMs = WAIT_TIMEOUT_MS }: WaitOptions,
  servers: readonly ServerSettings[],
  location: string,
): Confirmation | undefined {
  if (waitAof !== undefined) {
    const old = servers.find(({ version }) => !isAtLeast(version, WAITAOF_SINCE));
    if (old !== undefined) {
      throw new MillraceError(
        "INVALID_CONFIG",
        `${location}: waitAof needs Redis 7.2, and the server is ${old.version}`,
        {
          hints: [
            "Upgrade the server, or set appendfsync always instead; waitReplicas waits for the memory of replicas.",
          ],
        },
      );
    }
    const local = waitAof.local ? 1 : 0;
    return {
      command: ["WAITAOF", String(local), String(waitAof.replicas), String(waitTimeoutMs)],
      check(reply) {
        const [onDisk = 0, onReplicas = 0] = listOf(reply).map(numberOf);
        if (onDisk < local || onReplicas < waitAof.replicas) throw unconfirmed(location, onReplicas, waitAof.replicas);
      },
    };
  }
  if (waitReplicas === undefined || waitReplicas < 1) return undefined;
  return {
    command: ["WAIT", String(waitReplicas), String(waitTimeoutMs)],
    check(reply) {
      const confirmed = numberOf(reply);
      if (confirmed < waitReplicas) throw unconfirmed(location, confirmed, waitReplicas);
    },
  };
}

function unconfirmed(location: string, confirmed: number, wanted: number): MillraceError {
  return new MillraceError(
    "BACKEND_UNAVAILABLE",
    `${location}: a write was confirmed by ${confirmed} replicas in time, not by ${wanted}`,
    { hints: ["Bring the replicas back, or ask for fewer; the write may be kept all the same."] },
  );
}
