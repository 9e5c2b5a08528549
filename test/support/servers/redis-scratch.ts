/**
 * Keys of the test's own on the shared Redis: prefixes that begin alike, so that one pass over the server finds them all.
 */

import { randomUUID } from "node:crypto";
import { createClient } from "redis";
import { sharedRedisUrl } from "./server-urls.ts";

export interface RedisScratch {
  /** The driver's, connected to the shared server. */
  readonly client: RedisScratchClient;
  /** Another one with each call. */
  prefix(): string;
  /** Removes every key under the prefixes that were given, and closes the client. */
  end(): Promise<void>;
}

type RedisScratchClient = Awaited<ReturnType<typeof connected>>;

export async function redisScratch(): Promise<RedisScratch> {
  const client = await connected();
  const mine = `test-${randomUUID()}`;
  let given = 0;
  return {
    client,
    prefix() {
      given += 1;
      return `${mine}-${given}`;
    },
    async end() {
      for (const pattern of [`{${mine}*`, `${mine}*`]) {
        for await (const keys of client.scanIterator({ MATCH: pattern, COUNT: 1_000 })) {
          if (keys.length > 0) await client.unlink(keys);
        }
      }
      await client.close();
    },
  };
}

async function connected() {
  const client = createClient({ url: sharedRedisUrl() });
  await client.connect();
  return client;
}
