import { expect, test } from "vitest";
import { runConformance } from "../../src/testing/conformance/suite.ts";
import { postgresSubject } from "./subjects-postgres.ts";

const subject = postgresSubject();
const { leftOut } = await runConformance(() => subject(), { test });

test("Only what needs sessions attached in the process is left out", () => {
  expect([...new Set(leftOut.map(({ needs }) => needs))]).toEqual(["attachedSessions"]);
});
