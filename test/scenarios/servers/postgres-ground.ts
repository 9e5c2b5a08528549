/** A PostgreSQL to be broken: it crashes, cuts off who is connected, is locked, and takes no writes for a while. */

import { setTimeout as passed } from "node:timers/promises";
import { onOneConnection, privatePostgres } from "../../support/servers/private-postgres.ts";
import { tcpProxy } from "../../support/servers/tcp-proxy.ts";
import { until } from "../harness/until.ts";
import type { Ground, Trouble } from "./ground.ts";
import { madeBy, proxyTroubles } from "./proxy-troubles.ts";

/** A statement that takes longer, behind a lock or a silent network, counts as failed. */
const STATEMENT_TIMEOUT_MS = 1_000;
const SCHEMA = "millrace";
const TERMINATE =
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace' AND random() < 0.7";

export async function postgresGround(): Promise<Ground> {
  const server = await privatePostgres();
  const proxy = await tcpProxy(server.url);
  const timeout = `statement_timeout=${STATEMENT_TIMEOUT_MS}`;
  const troubles: readonly Trouble[] = [
    { name: "crash", make: () => server.restart("immediate") },
    {
      name: "terminated",
      make: async () => void (await until("somebody is cut off", async () => (await server.sql(TERMINATE)).length > 0)),
    },
    {
      name: "locked",
      make: (chance) =>
        onOneConnection(server.url, async (client) => {
          await client.query(`BEGIN; LOCK TABLE "${SCHEMA}".run IN ACCESS EXCLUSIVE MODE`);
          await passed(STATEMENT_TIMEOUT_MS / 2 + chance.upTo(STATEMENT_TIMEOUT_MS));
          await client.query("ROLLBACK");
        }),
    },
    {
      name: "read-only by default",
      async make(chance) {
        await server.sql("ALTER SYSTEM SET default_transaction_read_only = on");
        await server.sql("SELECT pg_reload_conf()");
        await passed(100 + chance.upTo(400));
        await server.sql("ALTER SYSTEM RESET default_transaction_read_only");
        await server.sql("SELECT pg_reload_conf()");
      },
    },
    ...proxyTroubles(proxy, (request) => request.includes("COMMIT")),
  ];
  return {
    name: "PostgreSQL",
    address: { url: `${proxy.url}?${timeout}&connect_timeout=2` },
    direct: { url: `${server.url}?${timeout}` },
    troubles,
    disturbances: () => madeBy(proxy),
    async end() {
      await proxy.end();
      await server.end();
    },
  };
}
