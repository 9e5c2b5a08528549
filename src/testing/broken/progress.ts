/** Backends that are broken in what they keep of the progress of attempts. */

import { type BrokenBackend, broken } from "./broken-backend.ts";

const keepsStaleProgress = broken(
  "keeps progress of stale leases",
  "Progress under a stale lease is refused",
  (honest) => ({
    async putProgress(progress) {
      const item = await honest.read.item(progress.runId, progress.item);
      const { epoch, session } = { epoch: progress.epoch, session: progress.session, ...item };
      return await honest.putProgress({ ...progress, epoch, session: session ?? progress.session });
    },
  }),
);

const keepsFirstProgress = broken(
  "keeps the first progress",
  "Of the progress of an item the latest is kept, with its instant",
  (honest) => ({
    async putProgress(progress) {
      const { length } = await honest.read.progress(progress.runId, [progress.item]);
      return length > 0 || (await honest.putProgress(progress));
    },
  }),
);

export const brokenProgress: readonly BrokenBackend[] = [keepsStaleProgress, keepsFirstProgress];
