/** An entry as a row, and back: its version, its facts and places in JSON on a line of their own, and its value. */

import { Buffer } from "node:buffer";
import type { Entry, EntryPlace } from "../synchronous/row-store.ts";
import { ownBytes } from "./item-row.ts";
import { fromEntryMember } from "./keys.ts";
import { damaged } from "./reply.ts";
import { VERSION_LENGTH } from "./row-version.ts";
import { listAt, numberAt, optionalTextAt, readList, type StoredList, textAt } from "./stored-list.ts";

const NEW_LINE = 0x0a;

export function writeEntry({ runId, facts, value, places }: Entry, version: string): Buffer {
  const list = [runId, facts, places.map((place) => [place.list, place.at]), value === undefined ? 0 : 1];
  return Buffer.concat([Buffer.from(`${version}${JSON.stringify(list)}\n`, "utf8"), value ?? new Uint8Array()]);
}

export function readEntry(member: string, stored: Buffer): Entry {
  const end = stored.indexOf(NEW_LINE);
  if (end < 0) throw damaged("an entry without a row");
  const list = readList(stored.toString("utf8", VERSION_LENGTH, end), "an entry");
  return {
    ...fromEntryMember(member),
    runId: optionalTextAt(list, 0),
    facts: textAt(list, 1),
    value: numberAt(list, 3) === 0 ? undefined : ownBytes(stored, end + 1),
    places: readPlaces(listAt(list, 2)),
  };
}

function readPlaces(list: StoredList): readonly EntryPlace[] {
  return list.map((_, at) => {
    const place = listAt(list, at);
    return { list: textAt(place, 0), at: numberAt(place, 1) };
  });
}
