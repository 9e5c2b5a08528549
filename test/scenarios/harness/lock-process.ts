/**
 * Another program that takes the store's write lock and keeps it until the gate `unlock` is open, as a backup or a
 * stuck transaction does.
 */

import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { gate } from "./traces.ts";
import type { ReadyMessage } from "./worker-order.ts";

// What the harness of the same version put there.
const { path }: { readonly path: string } = JSON.parse(process.argv[2] ?? "");
const abandoned = (): void => process.exit(1);
process.on("disconnect", abandoned);
const database = new DatabaseSync(path, { timeout: 5_000 });
database.exec("BEGIN EXCLUSIVE");
process.send?.({ kind: "ready" } satisfies ReadyMessage);
await gate("unlock");
database.exec("COMMIT");
database.close();
process.off("disconnect", abandoned);
process.disconnect();
