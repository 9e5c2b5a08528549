/**
 * The Redis backend: rows and indexes on a server or a cluster, behind the operations that every backend is. This file
 * connects, makes sure that the server is as durable as asked, and puts the parts together. It decides nothing about runs.
 */

import { MillraceError } from "../../core/errors.ts";
import { checkName } from "../../core/names.ts";
import { systemClock, systemIds, systemRandom } from "../../core/ports.ts";
import type { Capabilities } from "../contract/capabilities.ts";
import type { BackendOperations } from "../contract/operations.ts";
import { remotePartition } from "../remote/remote-operations.ts";
import { withOptions } from "./address.ts";
import { confirmationOf } from "./confirmation.ts";
import type { Connection } from "./connection.ts";
import { DefinitionShelf } from "./definition-shelf.ts";
import { isOverInAll } from "./ended-sessions.ts";
import { partitionKeys } from "./keys.ts";
import { openNamespace } from "./namespace-record.ts";
import type { RedisOptions } from "./options.ts";
import { type KeyHolder, Partition } from "./partition.ts";
import { PartitionMap } from "./partition-map.ts";
import { KeyRecords } from "./partitioned/key-records.ts";
import { partitionedOperations } from "./partitioned/partitioned-operations.ts";
import { connectTo, type Place, placeOf } from "./place.ts";
import { readsOver, redisStore } from "./redis-store.ts";
import { optionalText } from "./reply.ts";
import { ScriptReads } from "./script-reads.ts";
import {
  adviceOn,
  durabilityOf,
  isAtLeast,
  isWeaker,
  readSettings,
  type ServerSettings,
  weakest,
} from "./server-settings.ts";
import { type WakeupChannel, wakeupChannel } from "./wakeup-channel.ts";

export type { Node as RedisNode } from "./address.ts";
export type { WaitOptions as RedisWaitOptions } from "./confirmation.ts";
export type { RedisClientHandle, RedisClusterHandle, RedisHandle } from "./driver.ts";
export { inspectServers, type RedisInspection } from "./inspection.ts";
export type { RedisOptions } from "./options.ts";

const PREFIX = "mr";
const CLUSTER_PARTITIONS = 16;
const OLDEST_SERVER = [6, 2] as const;

/**
 * Opens a store. Throws `INVALID_CONFIG`, `INVALID_VALUE` for what is no URL or namespace, `DURABILITY_TOO_WEAK`,
 * `MISSING_DEPENDENCY`, `BACKEND_TOO_NEW`, or `BACKEND_UNAVAILABLE` when the server cannot be reached.
 */
export async function openRedis(options: RedisOptions): Promise<BackendOperations> {
  const namespace = checkName(options.namespace ?? "default", "the namespace");
  const place = placeOf(options);
  const prefix = checkName(options.prefix ?? place.address?.prefix ?? PREFIX, "the prefix of the keys");
  const connection = await connectTo(place, options);
  try {
    return await assemble({ options, namespace, prefix, place, connection });
  } catch (error) {
    await connection.close();
    throw error;
  }
}

interface Assembly {
  readonly options: RedisOptions;
  readonly namespace: string;
  readonly prefix: string;
  readonly place: Place;
  readonly connection: Connection;
}

async function assemble({ options, namespace, prefix, place, connection }: Assembly): Promise<BackendOperations> {
  const count = await openNamespace(connection, `{${prefix}:${namespace}:0}:namespace`, {
    asked: options.partitions,
    byDefault: connection.isCluster ? CLUSTER_PARTITIONS : 1,
  });
  const allKeys = Array.from({ length: count }, (_, number) => partitionKeys(prefix, namespace, number));
  const [homeKeys] = allKeys;
  if (homeKeys === undefined) throw new MillraceError("INTERNAL", "a namespace has at least one partition");
  const settings = await settingsOf(connection, allKeys);
  const durability = weakest(settings.map(durabilityOf));
  const asked = options.durability ?? place.address?.durability ?? "process";
  checkServers(settings, connection);
  if (isWeaker(durability, asked)) throw tooWeak(connection, settings, durability, asked);
  for (const { level, message, hint, about } of adviceOn(settings)) {
    if (level === "warning") options.logger?.warn(`${connection.location}: ${message}`, { about, hint });
  }
  const shelf = new DefinitionShelf(new ScriptReads(connection, homeKeys.prefix), homeKeys);
  const confirmation = confirmationOf(options, settings, connection.location);
  const partitions: Partition[] = [];
  const map = new PartitionMap(partitions);
  const holderOf = holdersOf(map, count);
  for (const [number, keys] of allKeys.entries()) {
    partitions.push(
      new Partition({
        connection,
        keys,
        ids: systemIds,
        random: systemRandom,
        waitingClock: systemClock,
        clock: options.clock,
        shelf,
        isHome: number === 0,
        holderOf: count > 1 ? holderOf : undefined,
        isOverElsewhere:
          count > 1 ? (id, before) => isOverInAll(id, before, { own: map.of(id), all: partitions }) : undefined,
        confirmation,
      }),
    );
  }
  const channel = wakeupChannel(connection, `${prefix}:${namespace}:wakeups`, systemIds.token());
  return operationsOf({
    namespace,
    map,
    holderOf,
    connection,
    shelf,
    channel,
    ...renewalOf(place, options, { prefix, durability: asked }),
    durability,
    advise: async () => adviceOn(await settingsOf(connection, allKeys)),
  });
}

interface Parts {
  readonly namespace: string;
  readonly map: PartitionMap;
  readonly holderOf: KeyHolder;
  readonly connection: Connection;
  readonly shelf: DefinitionShelf;
  readonly channel: WakeupChannel;
  readonly durability: Capabilities["durability"];
  readonly renewal: Capabilities["renewal"];
  readonly renewalUrl: string | undefined;
  readonly advise: () => Promise<ReturnType<typeof adviceOn>>;
}

/** Where there is one partition, what an idempotency key stands for is plain text. */
function holdersOf(map: PartitionMap, count: number): KeyHolder {
  const records = new KeyRecords(map);
  return async (workflow, idempotencyKey) => {
    if (count > 1) return await records.holder({ workflow, idempotencyKey });
    const { reads, keys } = map.at(0);
    return optionalText(await reads.one("GET", keys.byKey(workflow, idempotencyKey)));
  };
}

function operationsOf(parts: Parts): BackendOperations {
  const { namespace, map, holderOf, connection, shelf, channel, durability, renewal, renewalUrl, advise } = parts;
  const { announce, hub: wakeups } = channel;
  const isOne = map.all.length === 1;
  const close = async (): Promise<void> => {
    await channel.close();
    await connection.close();
  };
  const shared = {
    kind: "redis",
    location: connection.location,
    namespace,
    capabilities: { durability, shared: true, pushWakeups: true, renewal },
    renewalUrl,
  };
  const engines = map.all.map((partition, number) =>
    remotePartition({
      ...shared,
      store: redisStore({
        partition,
        shelf,
        holderOf,
        announce,
        advise,
        // One connection serves all of them: it is closed once, by whoever puts them together.
        close: isOne ? close : async () => undefined,
      }),
      wakeups,
      clock: systemClock,
      random: systemRandom,
      ...(isOne ? {} : { here: (name: string) => map.numberOf(name) === number }),
    }),
  );
  const [only] = engines;
  if (only !== undefined && isOne) return only.operations;
  return partitionedOperations({
    ...shared,
    map,
    shelf,
    parts: engines,
    reads: readsOver(map, shelf, holderOf),
    wakeups,
    close,
  });
}

/** Settings of every server that has a part of the namespace; those of one server once. */
async function settingsOf(
  connection: Connection,
  keys: readonly { readonly prefix: string }[],
): Promise<readonly ServerSettings[]> {
  const asked = connection.isCluster ? keys : keys.slice(0, 1);
  return await Promise.all(asked.map(({ prefix }) => readSettings(connection, prefix)));
}

function checkServers(servers: readonly ServerSettings[], { location }: Connection): void {
  const old = servers.find(({ version }) => !isAtLeast(version, OLDEST_SERVER));
  if (old !== undefined) {
    throw new MillraceError("INVALID_CONFIG", `${location}: the server is Redis ${old.version}, which is too old`, {
      hints: [`Use Redis ${OLDEST_SERVER.join(".")} or later.`],
    });
  }
  if (servers.some(({ role }) => role !== "master")) {
    throw new MillraceError("INVALID_CONFIG", `${location}: the server is a replica and takes no writes`, {
      hints: ["Name the address of the master."],
    });
  }
}

function tooWeak(
  { location }: Connection,
  servers: readonly ServerSettings[],
  given: string,
  asked: string,
): MillraceError {
  const hints = adviceOn(servers).map(
    ({ message, hint }) => `${message[0]?.toUpperCase()}${message.slice(1)}. ${hint}`,
  );
  return new MillraceError(
    "DURABILITY_TOO_WEAK",
    `redis at ${location} gives the durability "${given}", not "${asked}"`,
    {
      hints: [...hints, `Or ask for durability: "${given}" by name.`],
    },
  );
}

/** A second thread makes a connection of its own from a URL; it has no other clock than the server's. */
function renewalOf(
  { url }: Place,
  { clock }: RedisOptions,
  known: { readonly prefix: string; readonly durability: string },
): Pick<Parts, "renewal" | "renewalUrl"> {
  if (url === undefined || clock !== undefined) return { renewal: "main", renewalUrl: undefined };
  return { renewal: "thread", renewalUrl: withOptions(url, known) };
}
