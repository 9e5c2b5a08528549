/**
 * What a package says of its licence, and what the policy makes of it. Expressions are read with the SPDX libraries; the
 * policy is a short list of licences that ask for more than naming the authors.
 */

import correct from "spdx-correct";
import parse from "spdx-expression-parse";

/** `permitted`: nothing to do. `denied`: the policy refuses it. `unknown`: a person has to look. */
type Verdict = "permitted" | "denied" | "unknown";

export interface Licence {
  /** SPDX expression, or what the package says in its own words, or `NONE`. */
  readonly name: string;
  readonly verdict: Verdict;
  readonly reason?: string;
}

const DENIED = [/^A?GPL-/, /^SSPL-/, /^BUSL-/, /^CC-BY-NC-/, /^OSL-/, /^EUPL-/];

/** Classifies the `license` or (old style) `licenses` of a manifest. */
export function classify(manifest: { readonly license?: unknown; readonly licenses?: unknown }): Licence {
  const declared = declaredLicence(manifest);
  if (declared === undefined) return { name: "NONE", verdict: "unknown", reason: "the manifest names no licence" };
  if (declared === "UNLICENSED") return { name: declared, verdict: "denied", reason: "all rights reserved" };
  if (/^see licen[cs]e in /i.test(declared))
    return { name: declared, verdict: "unknown", reason: "the licence is in a file of its own words" };
  return judge(declared) ?? judgeCorrected(declared);
}

function declaredLicence(manifest: { readonly license?: unknown; readonly licenses?: unknown }): string | undefined {
  const all = [manifest.license, ...(Array.isArray(manifest.licenses) ? manifest.licenses : [manifest.licenses])];
  const names = all.map(nameOf).filter((name) => name !== undefined);
  if (names.length <= 1) return names[0];
  return `(${[...new Set(names)].join(" OR ")})`;
}

function nameOf(licence: unknown): string | undefined {
  if (typeof licence === "string" && licence.trim() !== "") return licence.trim();
  if (typeof licence === "object" && licence !== null && "type" in licence) return nameOf(licence.type);
  return undefined;
}

function judge(expression: string): Licence | undefined {
  try {
    const denied = deniedIn(parse(expression));
    if (denied === undefined) return { name: expression, verdict: "permitted" };
    return { name: expression, verdict: "denied", reason: `the policy refuses ${denied}` };
  } catch {
    return undefined;
  }
}

function judgeCorrected(declared: string): Licence {
  const corrected = correct(declared);
  const judged = corrected === null ? undefined : judge(corrected);
  return judged ?? { name: declared, verdict: "unknown", reason: "not an SPDX expression" };
}

/** A licence that the policy refuses and that one cannot choose to avoid. */
function deniedIn(expression: parse.Info): string | undefined {
  if ("license" in expression)
    return DENIED.some((pattern) => pattern.test(expression.license)) ? expression.license : undefined;
  const left = deniedIn(expression.left);
  const right = deniedIn(expression.right);
  return expression.conjunction === "or" ? left && right : (left ?? right);
}
