/**
 * What is fixed for a namespace when it is first opened: the form in which its rows are stored, and how many partitions it
 * has. Whoever opens it afterwards goes by that. Invariant: two handles on one namespace agree on both.
 */

import { MillraceError } from "../../core/errors.ts";
import type { Connection } from "./connection.ts";
import { optionalText } from "./reply.ts";
import { toStoreError } from "./store-errors.ts";
import { numberAt, readList } from "./stored-list.ts";

/** The form of rows and indexes that this version writes. */
const FORMAT = 1;
const MOST_PARTITIONS = 256;

/** The namespace's number of partitions. Throws `INVALID_CONFIG` if another one is asked for, `BACKEND_TOO_NEW`. */
export async function openNamespace(
  connection: Connection,
  key: string,
  { asked, byDefault }: { readonly asked: number | undefined; readonly byDefault: number },
): Promise<number> {
  checkAsked(asked);
  const fresh = JSON.stringify([FORMAT, asked ?? byDefault]);
  const stored = await firstOf(connection, key, fresh);
  const list = readList(stored, "the record of a namespace");
  const [format, partitions] = [numberAt(list, 0), numberAt(list, 1)];
  if (format > FORMAT) {
    throw new MillraceError(
      "BACKEND_TOO_NEW",
      `${connection.location}: the namespace has rows of a newer form (${format})`,
    );
  }
  if (asked !== undefined && asked !== partitions) {
    throw new MillraceError(
      "INVALID_CONFIG",
      `${connection.location}: the namespace has ${partitions} partitions, not ${asked}`,
      { hints: ["The number is fixed when a namespace is first opened: leave it out, or use another namespace."] },
    );
  }
  return partitions;
}

/** What is stored, after this was stored if there was nothing. */
async function firstOf(connection: Connection, key: string, fresh: string): Promise<string> {
  try {
    await connection.call(key, ["SET", key, fresh, "NX"]);
    return optionalText(await connection.call(key, ["GET", key])) ?? fresh;
  } catch (error) {
    throw toStoreError(error, connection.location);
  }
}

function checkAsked(asked: number | undefined): void {
  if (asked === undefined || (Number.isInteger(asked) && asked >= 1 && asked <= MOST_PARTITIONS)) return;
  throw new MillraceError("INVALID_CONFIG", `partitions must be a whole number from 1 to ${MOST_PARTITIONS}`);
}
