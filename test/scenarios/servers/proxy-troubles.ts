/** What a network does to the users of any server: the troubles that a proxy makes. */

import { setTimeout as passed } from "node:timers/promises";
import type { TcpProxy } from "../../support/servers/tcp-proxy.ts";
import { until } from "../harness/until.ts";
import type { Trouble } from "./ground.ts";

/** `isCommit`: whether what arrives at once at the server asks it to keep something. */
export function proxyTroubles(proxy: TcpProxy, isCommit: (request: Buffer) => boolean): readonly Trouble[] {
  return [
    {
      name: "cut",
      async make() {
        await until("somebody is connected", () => proxy.connections > 0);
        proxy.cut();
      },
    },
    {
      name: "lost answers",
      async make(chance) {
        const before = proxy.faults.swallowed;
        const next = 1 + chance.upTo(3);
        proxy.swallow("answers", { next, of: isCommit });
        // Answers of what has been done are lost, one connection each.
        await until("answers of commits are lost", () => proxy.faults.swallowed >= before + next);
      },
    },
    {
      name: "lost requests",
      async make() {
        const before = proxy.faults.swallowed;
        proxy.swallow("requests", { next: 1, of: isCommit });
        await until("a request is lost", () => proxy.faults.swallowed > before);
      },
    },
    {
      name: "black hole",
      async make(chance) {
        const before = proxy.faults.blackHoled;
        proxy.blackHole();
        await until("something disappears", () => proxy.faults.blackHoled > before);
        await passed(100 + chance.upTo(900));
        await proxy.heal();
      },
    },
    {
      name: "refused",
      async make(chance) {
        proxy.refuse();
        proxy.cut();
        await passed(50 + chance.upTo(400));
        await proxy.accept();
      },
    },
    {
      name: "crumbs",
      async make(chance) {
        const before = proxy.faults.sliced;
        proxy.slice(1 + chance.upTo(40));
        proxy.delay(chance.upTo(10));
        await until("something arrives in pieces", () => proxy.faults.sliced > before);
        await passed(chance.upTo(300));
        await proxy.heal();
      },
    },
  ];
}

/** How many faults a proxy has made. */
export function madeBy({ faults }: TcpProxy): number {
  return Object.values(faults).reduce((sum, count) => sum + count, 0);
}
