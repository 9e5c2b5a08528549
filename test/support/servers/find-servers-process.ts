/**
 * Holds the servers of one `npm test`: says on its output what it found, as a line of JSON, and ends what it started when
 * its input closes, which it does when the run is over, in whatever way.
 */

import { once } from "node:events";
import { stderr, stdin, stdout } from "node:process";
import { findServers } from "./find-servers.ts";

try {
  await using servers = await findServers();
  stdout.write(`${JSON.stringify({ variables: servers.variables, notes: servers.notes })}\n`);
  stdin.resume();
  await once(stdin, "close");
} catch (error) {
  stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
