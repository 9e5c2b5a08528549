/**
 * The program of the thread that keeps a worker's session alive while the worker's own thread is busy: opens a connection
 * of its own and renews until it is told to stop. Started by workers only; it is no entry point of the package.
 */

import { parentPort, workerData } from "node:worker_threads";
import { connect } from "./connect.ts";
import { systemClock, systemRandom } from "./core/ports.ts";
import { type RenewalOrder, renewUntilStopped } from "./worker/renewal-loop.ts";

// What the worker of the same version of this package put there.
const order: RenewalOrder = workerData;
const { url, namespace, durability } = order;
const stopped = new AbortController();
parentPort?.once("message", () => stopped.abort());
try {
  const ports = {
    open: () => connect(url, { namespace, durability }),
    clock: systemClock,
    random: systemRandom,
    tell: (word: unknown) => parentPort?.postMessage(word),
  };
  await renewUntilStopped(ports, order, stopped.signal);
} finally {
  parentPort?.close();
}
