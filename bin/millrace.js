#!/usr/bin/env node
// The command's launcher: refuses a Node that is too old before anything is loaded which such a Node cannot even parse,
// and otherwise hands over to the CLI. Kept to syntax every Node since version 10 reads.

const parts = process.versions.node.split(".");
const major = Number(parts[0]);

if (major < 22 || (major === 22 && Number(parts[1]) < 18)) {
  console.error(`millrace needs Node.js 22.18 or newer; this is Node.js ${process.versions.node}.`);
  process.exitCode = 6; // that of UNSUPPORTED_NODE in the table of errors
} else {
  import("../dist/cli/main.js")
    .then((cli) => cli.main(process.argv.slice(2)))
    .then((code) => {
      process.exitCode = code;
    })
    .catch((error) => {
      console.error(error);
      process.exitCode = 1;
    });
}
