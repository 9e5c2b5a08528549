/** What the compiler knows of errors and durations. Checked by `tsc`; nothing here runs. */

import { expectTypeOf } from "vitest";
import type { Duration } from "./duration.ts";
import { describeFailure, ERRORS, type ErrorCode, isMillraceError, MillraceError } from "./errors.ts";

function caught(thrown: unknown): void {
  if (isMillraceError(thrown, "TIMEOUT")) {
    expectTypeOf(thrown.code).toEqualTypeOf<"TIMEOUT">();
  }
  if (isMillraceError(thrown)) {
    expectTypeOf(thrown.code).toEqualTypeOf<ErrorCode>();
    expectTypeOf(thrown.runId).toEqualTypeOf<string | undefined>();
  }
  expectTypeOf(describeFailure(thrown).code).toEqualTypeOf<string>();
}
caught(undefined);

// @ts-expect-error a code that is not in the table
new MillraceError("NO_SUCH_CODE", "x");
// @ts-expect-error a code that is not in the table
isMillraceError(undefined, "NO_SUCH_CODE");
// @ts-expect-error the table cannot be changed
ERRORS.TIMEOUT = ERRORS.ERROR;

const durations: Duration[] = [5, "5ms", "1.5s", "10m", "2h", "30d"];
expectTypeOf(durations).toEqualTypeOf<Duration[]>();
// @ts-expect-error a number without a unit in a string
durations.push("5");
// @ts-expect-error a unit that is none
durations.push("5y");
