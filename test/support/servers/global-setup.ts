/**
 * What vitest runs before the first test of a project that needs servers: the same search as `npm test` makes, so that one
 * file can be run by hand. The URLs go to the tests as environment variables. Within `npm test` they are set already.
 */

import { env } from "node:process";
import { type FoundServers, findServers } from "./find-servers.ts";

let servers: FoundServers | undefined;

export async function setup(): Promise<void> {
  servers = await findServers();
  Object.assign(env, servers.variables);
}

export async function teardown(): Promise<void> {
  await servers?.end();
}
