/** Reads through the script for them: several at one instant, after whatever was left unfinished was finished. */

import type { Connection } from "./connection.ts";
import type { Argument } from "./driver.ts";
import { listOf, type Reply } from "./reply.ts";
import { runScript } from "./scripts.ts";

/** A command that changes nothing, or one that `read.lua` knows. */
export type Read = readonly Argument[];

export class ScriptReads {
  readonly #connection: Connection;
  readonly #prefix: string;

  constructor(connection: Connection, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  /** A reply for each. */
  async all(reads: readonly Read[]): Promise<readonly Reply[]> {
    const args = reads.flatMap((read) => [String(read.length), ...read]);
    return listOf(await runScript(this.#connection, "read", this.#prefix, args));
  }

  async one(...read: Read): Promise<Reply> {
    const [reply] = await this.all([read]);
    return reply;
  }
}
