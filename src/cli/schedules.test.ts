import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CliScene, orders } from "../../test/support/cli-scene.ts";
import type { CommandOutcome } from "../../test/support/cli-surroundings.ts";

let scene: CliScene;
beforeAll(async () => {
  scene = await CliScene.open();
});
afterAll(() => scene.close());
afterEach(async () => {
  const { documents } = scene.backend.operations;
  const { entries } = await documents.list("schedule", {});
  for (const { key } of entries) await documents.remove({ kind: "schedule", key });
});

function millrace(...argv: readonly string[]): Promise<CommandOutcome> {
  return scene.run(argv);
}

const nightly = ["schedules", "create", "nightly", "--workflow", "orders"] as const;
const input = ["--input", '{"amount":3,"password":"hunter2"}'] as const;

describe("schedules create", () => {
  it("makes a schedule with everything that was typed, and says when it fires next", async () => {
    writeFileSync(join(scene.directory, "input.json"), '{"amount":3}');
    const { code, out, err } = await millrace(
      ...[...nightly, "--input", "@input.json", "--cron", "0 2 * * *", "--timezone", "Europe/Berlin"],
      ...["--overlap", "queue", "--catch-up", "2h", "--jitter", "30s", "--tag", "team=billing", "--priority", "2"],
      ...["--start-after", "2100-01-01T00:00:00Z", "--end-at", "2101-01-01T00:00:00Z"],
    );
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^nightly is active; next 2100-01-01T01:00:\d\d\.\d{3}Z\n$/);
    expect(await scene.orchestrator.schedules.get("nightly")).toMatchObject({
      ...{ workflow: "orders", cron: "0 2 * * *", timezone: "Europe/Berlin", overlap: "queue" },
      ...{ catchUp: 7_200_000, jitterMs: 30_000, tags: { team: "billing" }, priority: 2, input: { amount: 3 } },
    });
  });

  it("is idempotent, and replaces another content only where told to", async () => {
    const made = [...nightly, ...input, "--every", "1h"];
    expect((await millrace(...made)).code).toBe(0);
    expect((await millrace(...made)).code).toBe(0);
    const other = await millrace(...nightly, ...input, "--every", "2h");
    expect(other).toMatchObject({ code: 4, out: "" });
    expect(other.err).toContain("SCHEDULE_EXISTS");
    expect((await millrace(...nightly, ...input, "--every", "2h", "--replace")).code).toBe(0);
    expect((await scene.orchestrator.schedules.get("nightly"))?.everyMs).toBe(7_200_000);
  });

  it.each<[string, readonly string[], number, string]>([
    ["a day that no month has", ["--cron", "0 0 30 2 *"], 2, "30th of February"],
    ["no time at all", [], 2, "one of --cron, --every and --at"],
    ["two times", ["--cron", "0 0 * * *", "--every", "1h"], 2, "one of --cron, --every and --at"],
    ["a time zone of an interval", ["--every", "1h", "--timezone", "UTC"], 2, "--timezone goes with --cron"],
    ["a time zone that is none", ["--cron", "0 0 * * *", "--timezone", "Mars/Phobos"], 2, "is no time zone"],
    ["a rule that is none", ["--every", "1h", "--overlap", "maybe"], 2, "--overlap takes"],
    ["a window that is none", ["--every", "1h", "--catch-up", "soon"], 2, "catchUp must be"],
    ["an instant that is none", ["--at", "tomorrow"], 2, "ISO 8601"],
    ["an option of another action", ["--every", "1h", "--count", "3"], 2, "does not take --count"],
    ["a version that is not there", ["--every", "1h", "--workflow", "orders@9"], 3, "UNKNOWN_WORKFLOW"],
  ])("refuses %s", async (_, more, expected, text) => {
    const { code, out, err } = await millrace(...nightly, ...more);
    expect([code, out]).toEqual([expected, ""]);
    expect(err).toContain(text);
    expect((await scene.orchestrator.schedules.list()).entries).toEqual([]);
  });
});

describe("schedules", () => {
  it("lists what fires when, for people and for programs, with secrets hidden", async () => {
    expect((await millrace("schedules")).out).toContain("No schedules.");
    await millrace(...nightly, ...input, "--cron", "0 2 * * *", "--timezone", "Europe/Berlin");
    await millrace("schedules", "create", "poll", "--workflow", "orders@1.0.0", ...input, "--every", "15m", "--paused");
    const { code, out } = await millrace("schedules");
    expect(code).toBe(0);
    const [heading = "", first = "", second = ""] = out.split("\n").map((line) => line.split(/ {2,}/).join("|"));
    expect(heading).toBe("SCHEDULE|WORKFLOW|STATUS|NEXT|WHEN|LAST|STARTED|FAILURE");
    expect(first).toMatch(/^nightly\|orders\|active\|in \d+[hm]\|0 2 \* \* \* \(Europe\/Berlin\)\|-\|0/);
    expect(second).toMatch(/^poll\|orders@1\.0\.0\|paused\|-\|every 15m\|-\|0/);
    const { schedules } = await scene.json("schedules");
    expect(schedules).toMatchObject([{ id: "nightly", input: { amount: 3, password: "[redacted]" } }, { id: "poll" }]);
    expect(JSON.stringify(await scene.json("schedules", "list", "--reveal"))).toContain("hunter2");
  });

  it("shows one with its history, and refuses what is not there", async () => {
    await millrace(...nightly, ...input, "--every", "1h");
    const { id } = await scene.orchestrator.schedules.trigger("nightly");
    const { code, out } = await millrace("schedules", "show", "nightly");
    expect(code).toBe(0);
    expect(out).toMatch(/^status +active$/m);
    expect(out).toMatch(/^so far +1 started, 0 skipped, 0 missed, 0 failed$/m);
    expect(out).toContain(`triggered now: ${id}`);
    expect(out).not.toContain("hunter2");
    expect(await scene.json("schedules", "show", "nightly")).toMatchObject({ id: "nightly", firings: [{ runId: id }] });
    for (const action of ["show", "pause", "resume", "trigger", "remove", "next"]) {
      const refused = await millrace("schedules", action, "nothing");
      expect([action, refused.code, refused.out]).toEqual([action, 3, ""]);
      expect(refused.err).toContain("SCHEDULE_NOT_FOUND");
      if (action !== "next") expect((await millrace("schedules", action)).code).toBe(2);
    }
    expect((await millrace("schedules", "explode", "nightly")).code).toBe(2);
    expect((await millrace("schedules", "list", "nightly")).code).toBe(2);
  });

  it("pauses, resumes, triggers and removes one", async () => {
    await millrace(...nightly, ...input, "--every", "1h");
    expect(await millrace("schedules", "pause", "nightly")).toMatchObject({ code: 0, out: "nightly is paused\n" });
    expect(await scene.json("schedules", "resume", "nightly")).toMatchObject({ id: "nightly", status: "active" });
    const first = await millrace("schedules", "trigger", "nightly", "--key", "once");
    expect(await millrace("schedules", "trigger", "nightly", "--key", "once")).toEqual(first);
    const run = await scene.orchestrator.getRun(first.out.trim());
    expect(run).toMatchObject({ workflow: orders.name, tags: { schedule: "nightly" } });
    expect((await millrace("schedules", "remove", "nightly")).out).toBe("nightly is removed; its runs stay\n");
    expect((await scene.json("schedules")).schedules).toEqual([]);
  });

  it("tells the next times of a schedule, and of a pattern that is only thought of", async () => {
    await millrace(...nightly, ...input, "--cron", "0 2 * * *");
    const { instants } = await scene.json("schedules", "next", "nightly", "--count", "3");
    expect(instants).toHaveLength(3);
    const leap = await millrace(
      "schedules",
      "next",
      "--cron",
      "0 0 29 2 *",
      "--start-after",
      "2100-01-01T00:00:00Z",
      "--count",
      "1",
    );
    expect(leap.out).toBe("2104-02-29T00:00:00.000Z\n");
    expect((await millrace("schedules", "next", "nightly", "--every", "1h")).code).toBe(2);
    expect((await millrace("schedules", "next")).code).toBe(2);
  });
});

describe("doctor", () => {
  async function findings(): Promise<readonly { level: string; message: string; hint?: string }[]> {
    const { out } = await scene.run(["doctor", "--json"]);
    const report: { findings: { name: string; level: string; message: string; hint?: string }[] } = JSON.parse(out);
    return report.findings.filter(({ name }) => name === "schedules");
  }

  it("says nothing of schedules where there are none, and that all is well where it is", async () => {
    expect(await findings()).toEqual([]);
    await millrace(...nightly, ...input, "--every", "1h");
    expect(await findings()).toMatchObject([
      { level: "ok", message: expect.stringContaining("1 active, none overdue; the next fires in") },
    ]);
  });

  it("finds a schedule that nobody fires, one whose starts are refused, and one that cannot be read", async () => {
    const { documents } = scene.backend.operations;
    await millrace(...nightly, ...input, "--every", "1h");
    const document = await documents.get("schedule", "nightly");
    if (document === undefined) throw new Error("the schedule is not there");
    const { json, value } = document;
    const at = Date.now() - 120_000;
    await documents.put({ kind: "schedule", key: "nightly", json, value, at });
    await documents.put({ kind: "schedule", key: "damaged", json: "{" });
    const refused = { code: "UNKNOWN_WORKFLOW", message: "gone password=hunter2", instant: at, at, count: 7 };
    const failing = JSON.parse(json);
    failing.progress.failure = refused;
    await documents.put({ kind: "schedule", key: "failing", json: JSON.stringify(failing), value });
    const found = await findings();
    expect(found.map(({ level }) => level)).toEqual(["wrong", "wrong", "wrong"]);
    expect(found[0]?.message).toMatch(/^nobody fires a schedule that is overdue, .+: nightly$/);
    expect(found[1]?.message).toMatch(/^starts are refused:\nfailing: UNKNOWN_WORKFLOW, 7 times, last 2m ago: gone/);
    expect(JSON.stringify(found)).not.toContain("hunter2");
    expect(found[2]?.message).toBe("not readable: damaged");
    const listed = await millrace("schedules");
    expect([listed.code, listed.out.split("\n")[1]?.slice(0, 7)]).toEqual([0, "nightly"]);
    expect(listed.err).toContain("damaged is not readable");
    expect(await scene.run(["schedules", "list", "--json"])).toMatchObject({ code: 0 });
    expect((await millrace("doctor")).code).not.toBe(0);
  });
});
