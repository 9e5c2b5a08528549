// How many tests passed and failed, read from vitest's JSON report. What did not plainly pass has failed: a skipped test, a
// file that did not load, an error outside of any test, a run without tests.

/** @typedef {{ passed: number, failed: number }} Counts */
/** @typedef {{ status: string, fullName: string }} ReportedTest */
/** @typedef {{ testResults: { status: string, assertionResults: ReportedTest[] }[] }} Report */

/**
 * @param {Report} report
 * @param {number | null} code vitest's exit code
 * @returns {Counts & { notes: string[] }} the notes say what failed without vitest having said so
 */
export function countReport(report, code) {
  let passed = 0;
  let failed = 0;
  const notes = [];
  for (const file of report.testResults) {
    for (const test of file.assertionResults) {
      if (test.status === "passed") passed += 1;
      else failed += 1;
      if (test.status !== "passed" && test.status !== "failed")
        notes.push(`Not run, so it counts as failed: ${test.fullName}`);
    }
    const explained = file.assertionResults.some((test) => test.status !== "passed");
    if (!explained && (file.status === "failed" || file.assertionResults.length === 0)) failed += 1;
  }
  if (passed + failed === 0) notes.push("There are no tests here, which counts as failed.");
  if (failed === 0 && (code !== 0 || passed === 0)) failed = 1;
  return { passed, failed, notes };
}
