/**
 * The Redis backend: rows and indexes on a server or a cluster, behind the operations that every backend is. This file
 * connects, makes sure that the server is as durable as asked, and puts the parts together. It decides nothing about runs.
 */

import { MillraceError } from "../../core/errors.ts";
import { checkName } from "../../core/names.ts";
import { type Clock, type Logger, systemClock, systemIds, systemRandom } from "../../core/ports.ts";
import type { Capabilities } from "../contract/capabilities.ts";
import type { BackendOperations } from "../contract/operations.ts";
import { remoteOperations } from "../remote/remote-operations.ts";
import { type Address, locationOf, type Node, readAddress, withOptions } from "./address.ts";
import { confirmationOf, type WaitOptions } from "./confirmation.ts";
import { Connection, type Target } from "./connection.ts";
import { DefinitionShelf } from "./definition-shelf.ts";
import type { RedisHandle } from "./driver.ts";
import { partitionKeys } from "./keys.ts";
import { openNamespace } from "./namespace-record.ts";
import { Partition } from "./partition.ts";
import { redisStore } from "./redis-store.ts";
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

/** How a store on Redis is opened. Exactly one of `url`, `client` and `cluster` must be given. */
export interface RedisOptions extends WaitOptions {
  /** `redis://user:password@host:6379/0`; `rediss://` for TLS; `redis://a:6379,b:6379/?cluster=true` for a cluster. */
  readonly url?: string | undefined;
  /** A connected client or cluster of the package `redis`. It stays the caller's to close. */
  readonly client?: RedisHandle | undefined;
  /** Some nodes of a cluster; the others are found. */
  readonly cluster?:
    | {
        readonly nodes: readonly Node[];
        readonly username?: string | undefined;
        readonly password?: string | undefined;
      }
    | undefined;
  /** Worlds that share nothing within one server. Default `default`. */
  readonly namespace?: string | undefined;
  /** What all keys begin with. Default `mr`. */
  readonly prefix?: string | undefined;
  /** Parts that one namespace is cut into, fixed when it is first opened. Default: 1 on a server, 16 on a cluster. */
  readonly partitions?: number | undefined;
  /** TLS, with what `tls.connect` of Node takes if it is an object. Default: as the URL says. */
  readonly tls?: boolean | Readonly<Record<string, unknown>> | undefined;
  readonly connectTimeoutMs?: number | undefined;
  /** How long an answer of the server is waited for before it counts as unavailable. */
  readonly commandTimeoutMs?: number | undefined;
  /**
   * The least that is accepted. `process` (default): what was acknowledged survives the crash of any program, which takes
   * `appendonly yes`. `power`: the loss of power, which takes `appendfsync always`. `none`: whatever the server does.
   */
  readonly durability?: "none" | "process" | "power" | undefined;
  /** For simulations: then all time comes from it. Default: the server's clock. */
  readonly clock?: Pick<Clock, "now"> | undefined;
  /** Hears, as warnings, what weakens the server's promises. */
  readonly logger?: Logger | undefined;
}

const PREFIX = "mr";
const CONNECT_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 10_000;
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
  const connection = await Connection.open({
    target: place.target,
    location: place.location,
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    commandTimeoutMs: options.commandTimeoutMs ?? COMMAND_TIMEOUT_MS,
    clock: systemClock,
    random: systemRandom,
  });
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
  const partitions = allKeys.map(
    (keys) =>
      new Partition({
        connection,
        keys,
        ids: systemIds,
        random: systemRandom,
        waitingClock: systemClock,
        clock: options.clock,
        shelf,
        keysElsewhere: count > 1,
        confirmation: confirmationOf(options, settings, connection.location),
      }),
  );
  const channel = wakeupChannel(connection, `${prefix}:${namespace}:wakeups`, systemIds.token());
  return operationsOf(partitions, {
    namespace,
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
  readonly connection: Connection;
  readonly shelf: DefinitionShelf;
  readonly channel: WakeupChannel;
  readonly durability: Capabilities["durability"];
  readonly renewal: Capabilities["renewal"];
  readonly renewalUrl: string | undefined;
  readonly advise: () => Promise<ReturnType<typeof adviceOn>>;
}

function operationsOf(partitions: readonly Partition[], parts: Parts): BackendOperations {
  const { namespace, connection, shelf, channel, durability, renewal, renewalUrl, advise } = parts;
  const [only] = partitions;
  if (only === undefined) throw new MillraceError("INTERNAL", "a namespace has at least one partition");
  const { announce } = channel;
  const close = async (): Promise<void> => {
    await channel.close();
    await connection.close();
  };
  return remoteOperations({
    kind: "redis",
    location: connection.location,
    namespace,
    capabilities: { durability, shared: true, pushWakeups: true, renewal },
    renewalUrl,
    store: redisStore({ partition: only, shelf, announce, advise, close }),
    wakeups: channel.hub,
    clock: systemClock,
    random: systemRandom,
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

interface Place {
  readonly target: Target | { readonly handle: RedisHandle };
  readonly location: string;
  /** What a URL said, and the URL itself. */
  readonly address: Address | undefined;
  readonly url: string | undefined;
}

function placeOf({ url, client, cluster, tls }: RedisOptions): Place {
  if ([url, client, cluster].filter((way) => way !== undefined).length !== 1) {
    throw new MillraceError(
      "INVALID_CONFIG",
      "a store on Redis is opened by url, client or cluster; give exactly one of them",
    );
  }
  if (client !== undefined) {
    return { target: { handle: client }, location: "redis:", address: undefined, url: undefined };
  }
  if (url !== undefined) {
    const address = readAddress(url);
    const { nodes, username, password, database } = address;
    const target = { nodes, cluster: address.cluster, tls: tls ?? address.tls, username, password, database };
    // What is not in the URL cannot be told to a second thread.
    return { target, location: address.location, address, url: tls === undefined ? url : undefined };
  }
  const [first, ...others] = cluster?.nodes ?? [];
  if (first === undefined)
    throw new MillraceError("INVALID_CONFIG", "a cluster is opened by at least one of its nodes");
  const nodes = [first, ...others] as const;
  const { username, password } = cluster ?? {};
  const location = locationOf(tls === undefined || tls === false ? "redis" : "rediss", nodes, 0);
  const target = { nodes, cluster: true, tls: tls ?? false, username, password, database: 0 };
  return { target: { ...target, nodes: [first, ...others] }, location, address: undefined, url: undefined };
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
