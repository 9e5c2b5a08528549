/** Looks at servers without opening a store on them: what they are set to, as far as it matters to one. It changes nothing. */

import type { Advice } from "../contract/operations.ts";
import { connectTo, placeOf } from "./place.ts";
import { adviceOn, type Durability, durabilityOf, readSettings, weakest } from "./server-settings.ts";
import { toStoreError } from "./store-errors.ts";

/** What there is to say of a server, or of the servers of a cluster. */
export interface RedisInspection {
  readonly location: string;
  readonly cluster: boolean;
  /** Versions of the servers, each once. */
  readonly versions: readonly string[];
  /** What an acknowledged write survives on the weakest of them. */
  readonly durability: Durability;
  readonly advice: readonly Advice[];
}

/** Keys of enough different slots to meet every server of a cluster. */
const PROBES = 64;

export async function inspectServers(url: string): Promise<RedisInspection> {
  const options = { url };
  const place = placeOf(options);
  const connection = await connectTo(place, options);
  try {
    const probes = connection.isCluster ? Array.from({ length: PROBES }, (_, at) => `probe ${at}`) : ["probe"];
    const found = await Promise.all(probes.map((probe) => readSettings(connection, probe)));
    const servers = [...new Map(found.map((settings) => [settings.id, settings])).values()];
    return {
      location: place.location,
      cluster: connection.isCluster,
      versions: [...new Set(servers.map(({ version }) => version))],
      durability: weakest(servers.map(durabilityOf)),
      advice: adviceOn(servers),
    };
  } catch (error) {
    throw toStoreError(error, place.location);
  } finally {
    await connection.close();
  }
}
