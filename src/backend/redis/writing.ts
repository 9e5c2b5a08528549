/** What all writes of one step share: the list that they go to, what was loaded, and what is to be remembered afterwards. */

import { Buffer } from "node:buffer";
import type { RunState } from "../contract/run.ts";
import type { ItemRow, Lane } from "./item-row.ts";
import type { PartitionKeys } from "./keys.ts";
import type { Lanes } from "./lanes.ts";
import type { Crew } from "./session-row.ts";
import type { StepRows } from "./step-rows.ts";
import type { WriteList } from "./write-list.ts";

export interface Writing {
  readonly list: WriteList;
  readonly keys: PartitionKeys;
  readonly rows: StepRows;
  /** Of all rows that the step writes. */
  readonly version: string;
  readonly lanes: Lanes;
  /** Definitions are kept in this partition. */
  readonly isHome: boolean;
  /** Idempotency keys of this partition are kept elsewhere. */
  readonly keysElsewhere: boolean;
  readonly removed: ReadonlySet<string>;
  readonly written: Written;
}

/** Rows that are known once the step is applied. */
export interface Written {
  readonly runs: RunState[];
  readonly items: ItemRow[];
  readonly crews: Crew[];
  readonly lanes: Lane[];
}

/** Bytes as the driver takes them, without a copy. */
export function bytesArgument(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
