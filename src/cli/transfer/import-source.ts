/** What runs are read from: a file, or the standard input. Chunks are handed on as they come. */

import { createReadStream } from "node:fs";
import { MillraceError } from "../../index.ts";
import type { Surroundings } from "../surroundings.ts";
import type { Place } from "./place.ts";

export async function* chunksOf(
  place: Exclude<Place, { kind: "store" }>,
  { stdin }: Pick<Surroundings, "stdin">,
): AsyncGenerator<Uint8Array | string, void> {
  if (place.kind === "stream") {
    for await (const chunk of stdin) yield chunk instanceof Uint8Array ? chunk : String(chunk);
    return;
  }
  try {
    for await (const chunk of createReadStream(place.path)) yield chunk instanceof Uint8Array ? chunk : String(chunk);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MillraceError("INVALID_VALUE", `${place.path} cannot be read: ${reason}`, {
      cause,
      hints: ["Check the path; relative ones start at the current folder."],
    });
  }
}
