import { expect, test } from "vitest";
import { countReport } from "../../scripts/test-report.mjs";

function file(status: string, ...tests: string[]) {
  return { status, assertionResults: tests.map((result, index) => ({ status: result, fullName: `test ${index}` })) };
}

test.each([
  ["passed and failed tests of all files", [file("failed", "passed", "failed"), file("passed", "passed")], 1, 2, 1],
  ["a skipped test as failed", [file("passed", "passed", "skipped", "todo")], 0, 1, 2],
  ["a file that did not load as failed", [file("failed"), file("passed", "passed")], 1, 1, 1],
  ["a file without tests as failed", [file("passed"), file("passed", "passed")], 0, 1, 1],
  ["a broken hook beside passing tests as failed", [file("failed", "passed", "passed")], 1, 2, 1],
  ["an error outside of any test as failed", [file("passed", "passed")], 1, 1, 1],
  ["a run without tests as failed", [], 0, 0, 1],
  ["a run that was ended as failed", [file("passed", "passed")], null, 1, 1],
])("it counts %s", (_, testResults, code, passed, failed) => {
  expect(countReport({ testResults }, code)).toMatchObject({ passed, failed });
});
