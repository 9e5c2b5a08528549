/**
 * Where the store of a scenario is, in a form that goes to any process as JSON, and how each process opens it: by
 * `connect`, as a program in production would.
 */

import { type Backend, type ConnectOptions, connect } from "../../../src/index.ts";
import { type SqliteOptions, sqlite } from "../../../src/sqlite.ts";

export interface StoreAddress {
  readonly url: string;
  readonly namespace?: string | undefined;
  readonly durability?: ConnectOptions["durability"];
}

/** What only a file has. */
export type FileLimits = Pick<SqliteOptions, "lockWaitMs" | "maxPages">;

const FILE = "sqlite:";

export async function openStore(address: StoreAddress, limits: FileLimits = {}): Promise<Backend> {
  const { url, ...options } = address;
  if (limits.lockWaitMs === undefined && limits.maxPages === undefined) return await connect(url, options);
  if (!url.startsWith(FILE)) throw new Error(`${url} is no file, which alone has such limits`);
  return await sqlite({ path: url.slice(FILE.length), ...limits });
}
