/**
 * Which store the audit keeps its run in. Worker processes are told by their environment, where other programs of the
 * machine do not see a password that the URL may hold.
 */

import { type Backend, connect, type Durability } from "millrace";

export interface StoreSettings {
  /** That of `MILLRACE_URL`, or the embedded store, if absent. */
  readonly url: string | undefined;
  readonly durability: Durability | undefined;
}

const TIERS = ["none", "process", "power"] as const;
const TIER_VARIABLE = "LICENCE_AUDIT_DURABILITY";

/** Throws for what is no tier. */
export function readStoreSettings(url: string | undefined, durability: string | undefined): StoreSettings {
  const tier = TIERS.find((name) => name === durability);
  if (durability !== undefined && tier === undefined) throw new Error(`--durability takes ${TIERS.join(", ")}`);
  return { url, durability: tier };
}

/** What `ofEnvironment` reads in another process. */
export function environmentOf({ url, durability }: StoreSettings): Readonly<Record<string, string>> {
  return {
    ...(url === undefined ? {} : { MILLRACE_URL: url }),
    ...(durability === undefined ? {} : { [TIER_VARIABLE]: durability }),
  };
}

/** The store that the process was told of. */
export function ofEnvironment(environment: NodeJS.ProcessEnv): StoreSettings {
  return readStoreSettings(undefined, environment[TIER_VARIABLE]);
}

export function openStore({ url, durability }: StoreSettings): Promise<Backend> {
  return connect(url, { durability });
}
