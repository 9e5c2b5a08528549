/** Backends that are broken in how they move runs: what they lose, start, remove or show too early. */

import { type BrokenBackend, broken, overlay } from "./broken-backend.ts";

const losesArrivals = broken(
  "loses arrivals of runs that are moved",
  "A finished run arrives with everything of it",
  (honest) => ({
    transfer: overlay(honest.transfer, {
      async import({ part, ...rest }) {
        return await honest.transfer.import({ ...rest, part: { ...part, rows: { ...part.rows, arrivals: [] } } });
      },
    }),
  }),
);

const startsWhatArrives = broken(
  "starts what it imports",
  "An open run arrives paused, and goes on there where it was",
  (honest) => ({
    transfer: overlay(honest.transfer, {
      async import(request) {
        const outcome = await honest.transfer.import(request);
        if (outcome.kind === "imported")
          await honest.control([{ action: { kind: "resume", runId: request.part.runId } }]);
        return outcome;
      },
    }),
  }),
);

const removesWhatChanged = broken(
  "removes runs that have changed",
  "A run is removed only as it was exported",
  (honest) => ({
    transfer: overlay(honest.transfer, {
      async remove(request) {
        const now = await honest.transfer.export(request.runId);
        return await honest.transfer.remove({ ...request, mark: now.kind === "part" ? now.mark : request.mark });
      },
    }),
  }),
);

const showsHalfRuns = broken(
  "shows runs that are on their way",
  "A run of many parts is not there until its last part is",
  (honest) => {
    const halves = new Map<string, Awaited<ReturnType<typeof honest.read.run>>>();
    return {
      transfer: overlay(honest.transfer, {
        async import(request) {
          const { runId, head } = request.part;
          if (head !== undefined) halves.set(runId, { ...head.state, ...head.details });
          return await honest.transfer.import(request);
        },
      }),
      read: overlay(honest.read, { run: async (runId) => (await honest.read.run(runId)) ?? halves.get(runId) }),
    };
  },
);

export const brokenTransfers: readonly BrokenBackend[] = [
  losesArrivals,
  startsWhatArrives,
  removesWhatChanged,
  showsHalfRuns,
];
