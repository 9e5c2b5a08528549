/**
 * What a server's own settings make of what is written to it: which crash it survives, and what else weakens a promise. Many
 * managed servers refuse to show their configuration; then what they report of themselves has to do.
 */

import type { Advice } from "../contract/operations.ts";
import type { Connection } from "./connection.ts";
import { listOf, type Reply, textOf } from "./reply.ts";
import { toStoreError } from "./store-errors.ts";

export type Durability = "none" | "process" | "power";

export interface ServerSettings {
  /** Tells one running server from another. */
  readonly id: string;
  readonly version: string;
  readonly role: string;
  readonly appendOnly: boolean;
  /** When the file of writes is forced to disk; `undefined` where the server does not say. */
  readonly sync: string | undefined;
  /** Bytes; 0 for no bound. */
  readonly maxMemory: number;
  readonly policy: string;
}

/** The settings of the server that has the key. Throws `BACKEND_UNAVAILABLE` and the like. */
export async function readSettings(connection: Connection, key: string): Promise<ServerSettings> {
  const report = readReport(await ask(connection, key, ["INFO"]));
  const configured = async (name: string): Promise<string | undefined> => {
    try {
      const reply = listOf(await connection.callAt(key, ["CONFIG", "GET", name]));
      return reply.length < 2 ? undefined : textOf(reply[1]);
    } catch {
      return undefined;
    }
  };
  const [appendOnly, sync, policy, maxMemory] = [
    await configured("appendonly"),
    await configured("appendfsync"),
    await configured("maxmemory-policy"),
    await configured("maxmemory"),
  ];
  return {
    id: report.get("run_id") ?? "",
    version: report.get("redis_version") ?? "0.0.0",
    role: report.get("role") ?? "master",
    appendOnly: appendOnly === undefined ? report.get("aof_enabled") === "1" : appendOnly === "yes",
    sync,
    maxMemory: Number(maxMemory ?? report.get("maxmemory") ?? 0),
    policy: policy ?? report.get("maxmemory_policy") ?? "noeviction",
  };
}

async function ask(connection: Connection, key: string, command: readonly string[]): Promise<Reply> {
  try {
    return await connection.callAt(key, command);
  } catch (error) {
    throw toStoreError(error, connection.location);
  }
}

function readReport(reply: Reply): ReadonlyMap<string, string> {
  const lines = textOf(reply).split(/\r?\n/u);
  return new Map(
    lines.flatMap((line) => {
      const colon = line.indexOf(":");
      return colon < 0 || line.startsWith("#") ? [] : [[line.slice(0, colon), line.slice(colon + 1)] as const];
    }),
  );
}

/** Whether the first version is at least the second. */
export function isAtLeast(version: string, least: readonly [number, number]): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > least[0] || (major === least[0] && minor >= least[1]);
}

/** What an acknowledged write survives. Keys that may be thrown away are not kept at all. */
export function durabilityOf(settings: ServerSettings): Durability {
  if (!settings.appendOnly || evicts(settings)) return "none";
  return settings.sync === "always" ? "power" : "process";
}

/** Nothing that a store keeps expires, so what is thrown away among what expires is nothing of it. */
function evicts({ maxMemory, policy }: ServerSettings): boolean {
  return maxMemory > 0 && policy.startsWith("allkeys-");
}

const ORDER: readonly Durability[] = ["none", "process", "power"];

/** The least of several servers. */
export function weakest(tiers: readonly Durability[]): Durability {
  return tiers.reduce((least, tier) => (ORDER.indexOf(tier) < ORDER.indexOf(least) ? tier : least), "power");
}

export function isWeaker(given: Durability, asked: Durability): boolean {
  return ORDER.indexOf(given) < ORDER.indexOf(asked);
}

/** What an operator should know, each once. */
export function adviceOn(servers: readonly ServerSettings[]): readonly Advice[] {
  const all = servers.flatMap(adviceOnOne);
  return [...new Map(all.map((advice) => [advice.about, advice])).values()];
}

function adviceOnOne(settings: ServerSettings): readonly Advice[] {
  const advice: Advice[] = [];
  if (!settings.appendOnly) {
    advice.push({
      level: "warning",
      about: "redis.persistence",
      message: "the server keeps no file of its writes: when it ends, runs are lost or fall back to its last snapshot",
      hint: "Set appendonly yes; with appendfsync always nothing is lost with the power either.",
    });
  } else if (settings.sync !== "always") {
    advice.push({
      level: "note",
      about: "redis.sync",
      message: `the server forces its writes to disk ${shownSync(settings.sync)}: as much may be lost with the machine`,
      hint: "Set appendfsync always where that is too much.",
    });
  }
  if (evicts(settings)) {
    advice.push({
      level: "warning",
      about: "redis.eviction",
      message: `when its memory is full, the server throws keys away (maxmemory-policy ${settings.policy}), also those of runs`,
      hint: "Set maxmemory-policy noeviction, and give caches a server of their own.",
    });
  } else if (settings.maxMemory === 0) {
    advice.push({
      level: "note",
      about: "redis.memory",
      message: "the server has no bound on its memory: when the machine has none left, the server is ended",
      hint: "Set maxmemory with maxmemory-policy noeviction; writes are then refused while it is full.",
    });
  }
  return advice;
}

function shownSync(sync: string | undefined): string {
  if (sync === "everysec") return "once a second";
  return sync === "no" ? "whenever the system likes" : "at times that it does not tell";
}
