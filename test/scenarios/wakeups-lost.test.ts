import { expect, test } from "vitest";
import { DistributedOrchestrator } from "../../src/index.ts";
import { tcpProxy } from "../support/servers/tcp-proxy.ts";
import { tellFigures } from "./harness/figures.ts";
import { assertRunInvariants } from "./harness/run-invariants.ts";
import { Scene, type SpawnOptions } from "./harness/scene.ts";
import type { StoreAddress } from "./harness/store-address.ts";
import { POSTGRES, REDIS, type StoreKind } from "./harness/store-sites.ts";
import { until } from "./harness/until.ts";
import { quick } from "./workflows/blocking.ts";
import { chain } from "./workflows/chain.ts";

const POLL_MS = 300;
/** What a claim and a commit may take beside it, on a busy machine. */
const SLACK_MS = 1_000;
const STARTS = 6;
/** Who is told comes sooner than this on average: then nothing was kept from anybody. */
const LEAST_AVERAGE_MS = 60;
const CHAINS = 5;

/** Where workers find the store, and whether what should be kept from them has been. */
interface Deaf {
  readonly address: StoreAddress;
  isDeaf(): boolean;
  end(): Promise<void>;
}

/** The request to listen arrives, and nothing is ever heard on that connection again. */
async function behindProxy(address: StoreAddress, command: string): Promise<Deaf> {
  const proxy = await tcpProxy(address.url);
  proxy.swallow("answers", { of: (request) => request.includes(command), outcome: "hang" });
  const url = new URL(proxy.url);
  url.search = new URL(address.url).search;
  return {
    address: { ...address, url: url.href },
    isDeaf: () => proxy.faults.swallowed >= 1,
    end: () => proxy.end(),
  };
}

function withoutNotifications(address: StoreAddress): Deaf {
  const url = new URL(address.url);
  url.searchParams.set("notifications", "off");
  return { address: { ...address, url: url.href }, isDeaf: () => true, end: async () => undefined };
}

interface Way {
  readonly kind: StoreKind;
  readonly what: string;
  deafen(address: StoreAddress): Deaf | Promise<Deaf>;
}

const ways: readonly Way[] = [
  { kind: POSTGRES, what: "notifications are turned off", deafen: withoutNotifications },
  { kind: POSTGRES, what: "LISTEN is never answered", deafen: (address) => behindProxy(address, "LISTEN") },
  { kind: REDIS, what: "SUBSCRIBE is never answered", deafen: (address) => behindProxy(address, "subscribe") },
];

test.each(ways)(
  "where $what, on $kind.name, work is found by looking, and nothing is stuck",
  async ({ kind, what, deafen }) => {
    const scene = await Scene.on(kind);
    const deaf = await deafen(scene.store);
    try {
      const order: SpawnOptions = {
        module: "blocking",
        workflows: ["quick"],
        store: deaf.address,
        options: { lease: "10s", pollInterval: POLL_MS, concurrency: 2 },
      };
      const backend = await scene.connect();
      const orchestrator = new DistributedOrchestrator({ backend, workflows: [quick, chain] });
      await scene.worker(order);
      await until("what it would hear is kept from it", () => deaf.isDeaf());
      const waits: number[] = [];
      const ids: string[] = [];
      for (let at = 0; at < STARTS; at += 1) {
        const handle = await orchestrator.startRun(quick, null);
        await handle.result();
        const { createdAt, finishedAt = 0 } = (await backend.operations.read.run(handle.id)) ?? { createdAt: 0 };
        waits.push(finishedAt - createdAt);
        ids.push(handle.id);
      }
      // Of three that hear nothing of each other, whoever looks next goes on.
      for (let at = 0; at < 2; at += 1) await scene.worker({ ...order, module: "chain", workflows: ["chain"] });
      const chains = await Promise.all(
        Array.from({ length: CHAINS }, () => orchestrator.startRun(chain, { workMs: 1 })),
      );
      for (const handle of chains) expect(await handle.result({ timeout: "30s" })).toMatchObject({ done: handle.id });
      await assertRunInvariants(backend.operations, [...ids, ...chains.map(({ id }) => id)]);

      const average = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
      tellFigures(`where ${what}`, { longestMs: Math.max(...waits), averageMs: Math.round(average), pollMs: POLL_MS });
      expect(Math.max(...waits)).toBeLessThanOrEqual(POLL_MS + SLACK_MS);
      expect(average).toBeGreaterThan(LEAST_AVERAGE_MS);
    } finally {
      await deaf.end();
    }
  },
);
