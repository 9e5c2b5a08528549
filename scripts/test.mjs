// `npm test`: sets up a fresh clone, runs every part (or only those named as arguments), prints the time of each, and ends
// with one line that counts every test. Exits with 1 when anything failed, could not run, or when nothing ran.

import { build, install, parts, provideServers } from "./test-parts.mjs";

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !parts.some((part) => part.name === name));
if (unknown.length > 0) {
  console.error(`Unknown part ${unknown.join(", ")}. There are: ${parts.map((part) => part.name).join(", ")}.`);
  process.exit(2);
}

const chosen = wanted.length === 0 ? parts : parts.filter((part) => wanted.includes(part.name));
/** @type {string[]} */
const times = [];
let passed = 0;
let failed = 0;

if (await runPart({ name: "install", run: install })) {
  if (chosen.some((part) => part.needsBuild === true)) await runPart({ name: "build", run: build });
  /** @type {undefined | (() => Promise<void>)} */
  let endServers;
  const find = async () => {
    endServers = await provideServers();
    return { passed: 0, failed: 0 };
  };
  const served =
    !chosen.some((part) => part.needsServers === true) || (await runPart({ name: "find servers", run: find }));
  for (const part of chosen) await runPart(part.needsServers !== true || served ? part : { ...part, run: notRun });
  await endServers?.();
}

console.log("");
for (const line of times) console.log(line);
console.log("");
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

/** @returns {never} */
function notRun() {
  throw new Error("Not run, since the servers it needs are missing.");
}

/** @param {import("./test-parts.mjs").Part} part */
async function runPart(part) {
  console.log(`\n== ${part.name}`);
  const started = performance.now();
  let counts = { passed: 0, failed: 1 };
  try {
    counts = await part.run();
  } catch (error) {
    console.log(error instanceof Error ? error.message : error);
  }
  passed += counts.passed;
  failed += counts.failed;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  times.push(`${part.name.padEnd(12)} ${seconds.padStart(6)} s  ${counts.passed} passed, ${counts.failed} failed`);
  return counts.failed === 0;
}
