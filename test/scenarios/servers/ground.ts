/**
 * A server of the scenario's own to be broken: the address that its users have, which leads through a proxy, and another
 * one for whoever looks; and the troubles that it can be brought into. Each trouble is over when `make` resolves, and has
 * then hit somebody for certain.
 */

import type { Chance } from "../harness/seed.ts";
import type { StoreAddress } from "../harness/store-address.ts";

export interface Trouble {
  readonly name: string;
  make(chance: Chance): Promise<void>;
}

export interface Ground {
  readonly name: string;
  /** Through the proxy. */
  readonly address: StoreAddress;
  /** Past the proxy; down whenever the server is. */
  readonly direct: StoreAddress;
  readonly troubles: readonly Trouble[];
  /** How often the proxy disturbed somebody. */
  disturbances(): number;
  end(): Promise<void>;
}

/** Makes every trouble so many times, in an order that chance decides, with a little calm in between. Counts each. */
export async function rage(
  troubles: readonly Trouble[],
  rounds: number,
  chance: Chance,
  calm: () => Promise<void>,
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (let round = 0; round < rounds; round += 1) {
    for (const trouble of shuffled(troubles, chance)) {
      await trouble.make(chance);
      counts[trouble.name] = (counts[trouble.name] ?? 0) + 1;
      await calm();
    }
  }
  return counts;
}

function shuffled<T>(list: readonly T[], chance: Chance): readonly T[] {
  const left = [...list];
  return list.flatMap(() => left.splice(chance.upTo(left.length), 1));
}
