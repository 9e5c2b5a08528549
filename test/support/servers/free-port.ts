/**
 * Ports of private servers. They lie below the range the system takes for outgoing connections, since a server that is
 * down must find its port free when it comes back. Each process counts from a place of its own, so that test processes
 * beside each other do not meet. 10,000 above a port is the bus of a Redis Cluster.
 */

import { createServer } from "node:net";
import { pid } from "node:process";

const FIRST = 11_000;
const COUNT = 10_000;
const PORTS_OF_A_PROCESS = 61;

let next = (pid * PORTS_OF_A_PROCESS) % COUNT;

/** A port on which nobody listens, and which this process will not name again; those `above` it are free too. */
export async function freePort(...above: readonly number[]): Promise<number> {
  for (let tries = 0; tries < COUNT; tries++) {
    const port = FIRST + next;
    next = (next + 1) % COUNT;
    const free = await Promise.all([port, ...above.map((distance) => port + distance)].map(isFree));
    if (!free.includes(false)) return port;
  }
  throw new Error(`no port from ${FIRST} to ${FIRST + COUNT - 1} is free`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
