/** Stores definitions, once per hash, and keeps a name and version from standing for two of them by accident. */

import type { DefinitionRecord, PublishOutcome } from "../contract/records.ts";
import type { AtomicStep } from "./atomic-step.ts";

export function publish(
  step: AtomicStep,
  definition: Omit<DefinitionRecord, "publishedAt">,
  options: { readonly replace: boolean },
): PublishOutcome {
  const { hash, name, version, json } = definition;
  const existing = step.store.definitionHash(name, version);
  if (existing === hash) return { kind: "published" };
  if (existing !== undefined && !options.replace) return { kind: "conflict", existing };
  // One that was replaced and comes back keeps the time it was first seen.
  const known = step.store.definition(hash);
  step.store.putDefinition(known ?? { hash, name, version, json, publishedAt: step.now });
  return { kind: "published" };
}
