/**
 * Where the servers are that tests share. Whoever uses them takes a schema or a namespace of its own there, cleans up
 * after itself, and never stops or reconfigures them: for that there are private ones.
 */

import { env } from "node:process";

export const POSTGRES_VARIABLE = "MILLRACE_TEST_POSTGRES_URL";
export const REDIS_VARIABLE = "MILLRACE_TEST_REDIS_URL";

export function sharedPostgresUrl(): string {
  return urlIn(POSTGRES_VARIABLE);
}

export function sharedRedisUrl(): string {
  return urlIn(REDIS_VARIABLE);
}

function urlIn(variable: string): string {
  const url = env[variable];
  if (url !== undefined && url !== "") return url;
  throw new Error(`${variable} is not set: add test/support/servers/global-setup.ts to the project of this test`);
}
