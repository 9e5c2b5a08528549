/**
 * A Redis Cluster of three nodes on the loopback that share the 16,384 slots, each a private Redis that can be killed and
 * started again, and replicas of them for failovers. A node that starts refuses to be written to for two seconds; that
 * is what most of the time goes to.
 */

import { until } from "../../scenarios/harness/until.ts";
import { fieldsOf, type PrivateRedis, type PrivateRedisOptions, privateRedis } from "./private-redis.ts";

export interface RedisClusterOptions extends PrivateRedisOptions {
  /** After how long a silent node counts as failed. */
  readonly nodeTimeoutMs?: number;
}

export interface RedisCluster extends AsyncDisposable {
  /** Of the first node; a client finds the others. */
  readonly url: string;
  readonly nodes: readonly PrivateRedis[];
  /** Starts a replica of that node (0, 1 or 2) which takes its place when it fails. It has caught up when this resolves. */
  addReplica(of: number): Promise<PrivateRedis>;
  /** Resolves when every node that runs can be used and knows of the others. */
  ready(): Promise<void>;
  /** Ends all, replicas included. Idempotent. */
  end(): Promise<void>;
}

const NODES = 3;
const SLOTS = 16_384;
const BUS_ABOVE = 10_000;
const NODE_TIMEOUT_MS = 5_000;

/** Starts one; every slot can be used when this resolves. */
export async function redisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const cluster = new RunningCluster(options);
  try {
    await cluster.form();
  } catch (error) {
    await cluster.end();
    throw error;
  }
  return cluster;
}

class RunningCluster implements RedisCluster {
  readonly #options: RedisClusterOptions;
  readonly nodes: PrivateRedis[] = [];
  readonly #replicas: PrivateRedis[] = [];

  constructor(options: RedisClusterOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.nodes[0]?.url ?? "";
  }

  async form(): Promise<void> {
    for (let index = 0; index < NODES; index++) this.nodes.push(await this.#startNode());
    await Promise.all(this.nodes.map((node, index) => prepare(node, index)));
    await Promise.all(this.nodes.map((node) => introduce(node, this.nodes)));
    await this.ready();
  }

  async addReplica(of: number): Promise<PrivateRedis> {
    const master = this.nodes[of];
    if (master === undefined) throw new Error(`there is no node ${of}`);
    const replica = await this.#startNode();
    this.#replicas.push(replica);
    const id = String(await master.call("CLUSTER", "MYID"));
    await introduce(replica, this.nodes);
    await until("the new node knows its master", async () =>
      String(await replica.call("CLUSTER", "NODES")).includes(id),
    );
    await until("the new node becomes a replica", async () =>
      replica.call("CLUSTER", "REPLICATE", id).then(
        () => true,
        () => false,
      ),
    );
    await until(
      "the replica has caught up",
      async () => (await replica.info("replication")).master_link_status === "up",
    );
    await this.ready();
    return replica;
  }

  async ready(): Promise<void> {
    const running = [...this.nodes, ...this.#replicas].filter((node) => node.pid !== undefined);
    await until("the cluster is ready", async () => {
      const states = await Promise.all(
        running.map(async (node) => fieldsOf(String(await node.call("CLUSTER", "INFO")))),
      );
      return states.every(
        (state) =>
          state.cluster_state === "ok" &&
          state.cluster_slots_ok === String(SLOTS) &&
          Number(state.cluster_known_nodes) === this.nodes.length + this.#replicas.length,
      );
    });
  }

  async end(): Promise<void> {
    await Promise.all([...this.nodes, ...this.#replicas].map((node) => node.end()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }

  #startNode(): Promise<PrivateRedis> {
    const { nodeTimeoutMs = NODE_TIMEOUT_MS, config, ...options } = this.#options;
    return privateRedis({
      ...options,
      portsAbove: [BUS_ABOVE],
      config: {
        "cluster-enabled": "yes",
        "cluster-node-timeout": String(nodeTimeoutMs),
        "cluster-replica-validity-factor": "0",
        ...config,
      },
    });
  }
}

/** Gives the node its third of the slots, under an epoch of its own so that nobody has to settle a tie. */
async function prepare(node: PrivateRedis, index: number): Promise<void> {
  const bound = (at: number): number => Math.floor((at * SLOTS) / NODES);
  await node.call("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
  await node.call("CLUSTER", "ADDSLOTSRANGE", String(bound(index)), String(bound(index + 1) - 1));
}

async function introduce(node: PrivateRedis, others: readonly PrivateRedis[]): Promise<void> {
  for (const other of others) {
    if (other !== node) await node.call("CLUSTER", "MEET", "127.0.0.1", String(other.port));
  }
}
