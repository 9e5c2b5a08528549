/** Where a store is, from whichever of the ways it was named in, and the connection to it. */

import { MillraceError } from "../../core/errors.ts";
import { systemClock, systemRandom } from "../../core/ports.ts";
import { type Address, locationOf, readAddress } from "./address.ts";
import { Connection, type Target } from "./connection.ts";
import type { RedisHandle } from "./driver.ts";
import type { RedisOptions } from "./options.ts";

const CONNECT_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 10_000;

export interface Place {
  readonly target: Target | { readonly handle: RedisHandle };
  readonly location: string;
  /** What a URL said, and the URL itself. */
  readonly address: Address | undefined;
  readonly url: string | undefined;
}

/** Throws `INVALID_CONFIG` unless exactly one way is named, `INVALID_VALUE` for what is no URL. */
export function placeOf({ url, client, cluster, tls }: RedisOptions): Place {
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
  const { username, password } = cluster ?? {};
  const location = locationOf(tls === undefined || tls === false ? "redis" : "rediss", [first, ...others], 0);
  const nodes: Target["nodes"] = [first, ...others];
  const target = { nodes, cluster: true, tls: tls ?? false, username, password, database: 0 };
  return { target, location, address: undefined, url: undefined };
}

/** Throws `BACKEND_UNAVAILABLE`, `INVALID_CONFIG` for what the server does not let in, or `MISSING_DEPENDENCY`. */
export function connectTo({ target, location }: Place, options: RedisOptions): Promise<Connection> {
  return Connection.open({
    target,
    location,
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    commandTimeoutMs: options.commandTimeoutMs ?? COMMAND_TIMEOUT_MS,
    clock: systemClock,
    random: systemRandom,
  });
}
