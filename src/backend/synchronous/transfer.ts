/** Moving runs between stores, over rows: what is asked for is checked, and each part is one step. */

import type { TransferOperations } from "../contract/transfer.ts";
import type { Engine } from "./engine.ts";
import { captureRun } from "./run-capture.ts";
import { checkPart, importPart, removeMarked } from "./run-import.ts";

export function transferOver({ write, read }: Pick<Engine, "write" | "read">): TransferOperations {
  return {
    export: (runId, cursor) => read((store) => captureRun(store, runId, cursor)),
    async import(request) {
      checkPart(request);
      for (;;) {
        const outcome = await write((step) => importPart(step, request));
        if (outcome.kind !== "cleared") return outcome;
      }
    },
    remove: (request) => write((step) => removeMarked(step, request)),
  };
}
