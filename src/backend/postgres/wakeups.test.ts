import { expect, test } from "vitest";
import { postgresScene } from "../../../test/support/postgres-scene.ts";
import { newItem } from "../../testing/conformance/parts.ts";
import { definitionOf } from "../../testing/conformance/stage.ts";
import type { BackendOperations, Wakeup } from "../contract/operations.ts";

const ORDERS = definitionOf("orders");

async function start(backend: BackendOperations, id: string): Promise<void> {
  await backend.publish([ORDERS], { replace: false });
  await backend.startRuns([
    {
      id,
      workflow: ORDERS.name,
      version: ORDERS.version,
      definition: ORDERS.hash,
      input: new Uint8Array(),
      inputDigest: "d",
      onConflict: "return",
      first: newItem("first"),
      completion: "single",
      maxItems: 10,
      priority: 0,
      tags: {},
    },
  ]);
}

test("another process hears of a run that was started, and of nothing in other namespaces", async () => {
  const scene = postgresScene();
  const [here, there, elsewhere] = [
    await scene.open(),
    await scene.open(),
    await scene.open({ namespace: "elsewhere" }),
  ];
  const strange: Wakeup[] = [];
  elsewhere.subscribe((wakeup) => strange.push(wakeup));
  const heard = new Promise<void>((resolve) => {
    there.subscribe((wakeup) => {
      if (wakeup.kind === "any" || (wakeup.kind === "run" && wakeup.runId.startsWith("run-"))) resolve();
    });
  });
  // The other one may not listen yet at the first of them.
  let started = 0;
  let isHeard = false;
  void heard.then(() => {
    isHeard = true;
  });
  while (!isHeard) {
    started += 1;
    await start(here, `run-${started}`);
  }
  expect(strange).toEqual([]);
});

test.each([
  [true, 1],
  [false, 0],
])("with notifications %s, %i connections listen while somebody here wants to hear", async (notifications, count) => {
  const scene = postgresScene();
  const backend = await scene.open({ notifications, applicationName: scene.schema });
  expect(backend.capabilities.pushWakeups).toBe(notifications);
  backend.subscribe(() => undefined);
  await start(backend, "run-1");
  await backend.close();
  // Closing waits until the connection that listens is made, so whether there was one is certain.
  const other = await scene.open({ notifications, applicationName: `${scene.schema}_2` });
  const heard = new Promise<void>((resolve) => {
    other.subscribe(() => resolve());
  });
  await start(other, "run-2");
  await heard;
  const asked = await scene.sql("SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND query LIKE 'LISTEN%'", [
    `${scene.schema}_2`.slice(0, 63),
  ]);
  expect(asked.length).toBeLessThanOrEqual(count);
});
