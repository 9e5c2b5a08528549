/** Backends whose fault is in documents: versions that nobody compares, or that begin anew; documents that nobody is told of. */

import type { DocumentOperations } from "../../backend/contract/documents.ts";
import { type BrokenBackend, broken, overlay } from "./broken-backend.ts";

function brokenDocument(
  name: string,
  fails: string,
  fault: (honest: DocumentOperations) => Partial<DocumentOperations>,
): BrokenBackend {
  return broken(name, fails, ({ documents }) => ({ documents: overlay(documents, fault(documents)) }));
}

export const brokenDocuments: readonly BrokenBackend[] = [
  brokenDocument(
    "forgets to compare versions of documents",
    "Of many puts over the same version one wins",
    (honest) => ({ put: ({ expectedVersion: _, ...request }) => honest.put(request) }),
  ),
  brokenDocument(
    "compares versions of documents before it puts one, and not while it does",
    "Of many puts over the same version one wins",
    (honest) => ({
      async put({ expectedVersion, ...request }) {
        const document = await honest.get(request.kind, request.key);
        if (expectedVersion !== undefined && expectedVersion !== (document?.version ?? 0))
          return { kind: "conflict", document };
        return await honest.put(request);
      },
    }),
  ),
  brokenDocument(
    "lets workers sleep over documents that are due",
    "Whoever claims, or renews, tells of a document that is due, and goes on telling until it is put again",
    (honest) => ({
      async put({ at: _, ...request }) {
        return await honest.put(request);
      },
    }),
  ),
];
