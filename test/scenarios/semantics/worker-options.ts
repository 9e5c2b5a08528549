/** How workers of the catalogue work, in whichever process: many items at once, and no retries but those asked for. */

import type { WorkerOptions } from "../../../src/index.ts";

export const workerOptions = {
  concurrency: 12,
  retry: false,
  pollInterval: "100ms",
} satisfies Partial<WorkerOptions>;
