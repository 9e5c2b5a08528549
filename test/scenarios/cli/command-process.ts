/** The command `millrace` from the sources, in a process of its own that a test may kill: its arguments are the command's. */

import process from "node:process";
import { main } from "../../../src/cli/main.ts";

process.exitCode = await main(process.argv.slice(2));
