/**
 * The proof that the journal is a backend, and that the proof can fail: the conformance suite, then every deliberately
 * broken backend over a journal, each of which the suite must find.
 *
 *     node --test examples/custom-backend/conformance.test.ts
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { brokenBackends, ConformanceFailure, conformanceCases, runConformance } from "millrace/testing";
import { journals } from "./harness.ts";

const { leftOut } = await runConformance(journals, { test });

test("nothing of the suite is left out", () => {
  assert.deepEqual(leftOut, []);
});

for (const { name, fails, breakHarness } of brokenBackends()) {
  test(`the suite finds a journal that ${name}`, async () => {
    const named = conformanceCases().find((one) => one.name === fails);
    assert.ok(named);
    const harness = await journals();
    try {
      await assert.rejects(named.run(breakHarness(harness)), ConformanceFailure);
    } finally {
      await harness.dispose();
    }
  });
}
