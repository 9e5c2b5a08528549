import { expect, test } from "vitest";
import { memory } from "../connect.ts";
import { type ErrorCode, isMillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { manualClock } from "../core/ports.ts";
import type { RunStatus } from "../core/status.ts";

const failsWith = (code: ErrorCode) => expect.toSatisfy((error) => isMillraceError(error, code));
const body = new TextEncoder().encode("body");
const idsOf = (page: { readonly entries: readonly { readonly id: string }[] }) => page.entries.map(({ id }) => id);

function scene() {
  const clock = manualClock(1_000);
  const backend = memory({ clock });
  return { clock, backend, store: backend.checkpoints };
}

test("a checkpoint carries its id, version, status, instant and size, and comes back with its body", async () => {
  const { clock, store } = scene();
  expect(await store.load("job")).toBeUndefined();
  expect(await store.save("job", { status: "running", body })).toEqual({
    id: "job",
    version: 1,
    status: "running",
    savedAt: 1_000,
    bytes: 4,
  });
  await clock.advance(5);
  const second = await store.save("job", { status: "failed", body }, { expectedVersion: 1 });
  expect(second).toMatchObject({ version: 2, savedAt: 1_005 });
  expect(await store.load("job")).toEqual({ ...second, body });
});

test("a save that comes too late says which version it found", async () => {
  const { store } = scene();
  await store.save("job", { status: "running", body });
  await expect(store.save("job", { status: "running", body }, { expectedVersion: 0 })).rejects.toMatchObject({
    code: "CHECKPOINT_CONFLICT",
    details: { id: "job", expectedVersion: 0, version: 1 },
  });
  await expect(store.save("none", { status: "running", body }, { expectedVersion: 4 })).rejects.toThrow(
    "the checkpoint none was changed by somebody else: there is none, version 4 was expected",
  );
  await store.save("job", { status: "running", body });
  expect((await store.load("job"))?.version).toBe(2);
});

test("what is added comes behind what was there, and is compared and set as a save is", async () => {
  const { store } = scene();
  const add = (text: string, expectedVersion: number) =>
    store.append?.("job", { status: "waiting", body: new TextEncoder().encode(text) }, { expectedVersion });
  await store.save("job", { status: "running", body });
  expect(await add(" and more", 1)).toMatchObject({ version: 2, status: "waiting", bytes: 13 });
  await expect(add("late", 1)).rejects.toEqual(failsWith("CHECKPOINT_CONFLICT"));
  await expect(add("wrong", -1)).rejects.toEqual(failsWith("INVALID_VALUE"));
  expect(new TextDecoder().decode((await store.load("job"))?.body)).toBe("body and more");
});

test("deleting twice is as good as once", async () => {
  const { store } = scene();
  await store.save("job", { status: "running", body });
  await store.delete("job");
  await store.delete("job");
  expect(await store.load("job")).toBeUndefined();
});

test("lists turn pages, of all or of some statuses", async () => {
  const { store } = scene();
  const statuses: readonly RunStatus[] = ["running", "failed", "completed", "failed"];
  for (const [at, status] of statuses.entries()) await store.save(`job-${at}`, { status, body });
  const first = await store.list({ limit: 3 });
  expect(idsOf(first)).toEqual(["job-0", "job-1", "job-2"]);
  expect(idsOf(await store.list({ cursor: first.cursor }))).toEqual(["job-3"]);
  expect(idsOf(await store.listByStatus("failed"))).toEqual(["job-1", "job-3"]);
  expect(idsOf(await store.listByStatus(["running", "completed"]))).toEqual(["job-0", "job-2"]);
});

test("a clean-up takes what has ended unless told otherwise, however many there are", async () => {
  const { clock, store } = scene();
  const count = LIMITS.cleanupCheckpoints + 5;
  for (let at = 0; at < count; at += 1) await store.save(`done-${at}`, { status: "completed", body });
  await store.save("open", { status: "running", body });
  await clock.advance(60_000);
  await store.save("fresh", { status: "failed", body });
  expect(await store.cleanup({ olderThan: "30s" })).toBe(count);
  expect(idsOf(await store.list())).toEqual(["fresh", "open"]);
  expect(await store.cleanup({ olderThan: "30s", statuses: ["running"] })).toBe(1);
  expect(await store.cleanup({ olderThan: 0 })).toBe(0);
  expect(idsOf(await store.list())).toEqual(["fresh"]);
});

test("what makes no sense is refused before anything is written", async () => {
  const { store } = scene();
  const wrong: readonly (() => Promise<unknown>)[] = [
    () => store.save("no name", { status: "running", body }),
    () => store.load("../x"),
    () => store.delete(""),
    () => store.save("job", { status: "running", body }, { expectedVersion: -1 }),
    () => store.save("job", { status: "running", body }, { expectedVersion: 1.5 }),
    () => store.cleanup({ olderThan: -1 }),
    () => store.list({ limit: 0 }),
  ];
  for (const call of wrong) await expect(call()).rejects.toSatisfy((error) => isMillraceError(error, "INVALID_VALUE"));
  const untyped: { readonly status: RunStatus; readonly body: Uint8Array } = JSON.parse('{"status":"done","body":"x"}');
  await expect(store.save("job", untyped)).rejects.toEqual(failsWith("INVALID_VALUE"));
  await expect(store.save("job", { ...untyped, status: "running" })).rejects.toEqual(failsWith("INVALID_VALUE"));
  await expect(store.listByStatus(untyped.status)).rejects.toEqual(failsWith("INVALID_VALUE"));
  expect((await store.list()).entries).toEqual([]);
});

test("a body over the limit is refused", async () => {
  const { store } = scene();
  const large = new Uint8Array(LIMITS.checkpointBytes + 1);
  await expect(store.save("job", { status: "running", body: large })).rejects.toEqual(failsWith("PAYLOAD_TOO_LARGE"));
  await store.save("job", { status: "running", body: large.subarray(2) });
  const addition = { status: "running", body: large.subarray(0, 2) } as const;
  await expect(store.append?.("job", addition, { expectedVersion: 1 })).rejects.toEqual(failsWith("PAYLOAD_TOO_LARGE"));
  expect((await store.load("job"))?.version).toBe(1);
});
