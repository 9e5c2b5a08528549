/** Cases about progress: the latest word of a running attempt, who may say it, and whom it is of. */

import { cases } from "./conformance-case.ts";
import { equal, present } from "./expectation.ts";
import { bytes, next, retry, textOf } from "./parts.ts";
import type { Stage } from "./stage.ts";

async function told({ backend }: Stage, runId: string, ...items: readonly number[]): Promise<readonly string[]> {
  const records = await backend.read.progress(runId, items);
  return records.map(({ item, epoch, details }) => `${item}/${epoch} ${textOf(details)}`);
}

export const progressCases = cases("progress", {
  "Of the progress of an item the latest is kept, with its instant": async (stage) => {
    const runId = await stage.start();
    const worker = await stage.session();
    await worker.take();
    const progress = { runId, item: 0, epoch: 1, session: worker.id };
    equal(await told(stage, runId, 0), [], "the progress before any");
    const { backend } = stage;
    equal(await backend.putProgress({ ...progress, details: bytes("10 %") }), true, "whether the first was kept");
    equal(await backend.putProgress({ ...progress, details: bytes("20 %") }), true, "whether the second was kept");
    equal(await told(stage, runId, 0), ["0/1 20 %"], "the progress");
    const [record] = await backend.read.progress(runId, [0]);
    equal(present(record, "the progress").at, await backend.now(), "its instant");
  },

  "Progress under a stale lease is refused": async (stage) => {
    const runId = await stage.start();
    const worker = await stage.session();
    const other = await stage.session();
    const { backend } = stage;
    const progress = { runId, item: 0, epoch: 1, session: worker.id, details: bytes("x") };
    equal(await backend.putProgress({ ...progress, epoch: 0 }), false, "whether that of an unclaimed item was kept");
    await worker.take();
    equal(await backend.putProgress({ ...progress, epoch: 0 }), false, "whether an older epoch's was kept");
    equal(await backend.putProgress({ ...progress, epoch: 2 }), false, "whether a newer epoch's was kept");
    equal(await backend.putProgress({ ...progress, session: other.id }), false, "whether another session's was kept");
    equal(await backend.putProgress({ ...progress, item: 5 }), false, "whether an unknown item's was kept");
    equal(
      await backend.putProgress({ ...progress, runId: stage.newRunId() }),
      false,
      "whether an unknown run's was kept",
    );
    await stage.does({ kind: "cancel", runId });
    equal(await backend.putProgress(progress), false, "whether a closed run's was kept");
    equal(await told(stage, runId, 0), [], "the progress");
  },

  "Progress tells the claim that it is of, and outlives it": async (stage) => {
    const runId = await stage.start();
    const worker = await stage.session();
    const first = await worker.take();
    const progress = { runId, item: 0, session: worker.id };
    await stage.backend.putProgress({ ...progress, epoch: 1, details: bytes("half") });
    await worker.did(first, retry());
    equal(await told(stage, runId, 0), ["0/1 half"], "the progress after the attempt");
    await worker.take();
    await stage.backend.putProgress({ ...progress, epoch: 2, details: bytes("again") });
    equal(await told(stage, runId, 0), ["0/2 again"], "the progress of the second attempt");
  },

  "Progress is given of the items that are named, and only where there is any": async (stage) => {
    const runId = await stage.start();
    const worker = await stage.session();
    await worker.did(await worker.take(), next("a", "b", "c"));
    await worker.claim();
    for (const item of [1, 3]) {
      const details = bytes(`of ${item}`);
      await stage.backend.putProgress({ runId, item, epoch: 1, session: worker.id, details });
    }
    equal(await told(stage, runId, 3, 2, 1, 77), ["3/1 of 3", "1/1 of 1"], "the progress, in the order of the request");
    equal(await told(stage, runId), [], "the progress of no items");
    equal(await told(stage, stage.newRunId(), 1), [], "the progress of an unknown run");
  },
});
