/** The engine for stores on servers, over a server in this process: with and without knowing beforehand what a step will need. */

import { manualClock } from "../../src/core/ports.ts";
import type { NamespaceOption } from "../../src/testing/conformance/harness.ts";
import { type FarNamespace, farNamespace, farOperations } from "../support/rows-from-afar.ts";
import { START, type Subject } from "./subjects.ts";

export const fromAfar: Subject = (clock) => subject(false, clock);
export const fromAfarBlindly: Subject = (clock) => subject(true, clock);

const subject = async (blind: boolean, clock = manualClock(START)) => {
  const namespaces = new Map<string, FarNamespace>();
  const open = async ({ namespace = "default" }: NamespaceOption = {}) => {
    const far = namespaces.get(namespace) ?? farNamespace();
    namespaces.set(namespace, far);
    return farOperations({ namespace, far, clock, blind });
  };
  return { clock, open, reopen: open, dispose: async () => undefined };
};
