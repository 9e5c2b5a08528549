import { expect, test } from "vitest";
import { postgresScene } from "../../../test/support/postgres-scene.ts";

test("any number of programs that start at once make one schema and one namespace", async () => {
  const scene = postgresScene();
  const backends = await Promise.all(Array.from({ length: 8 }, () => scene.open({ poolSize: 1 })));
  expect(new Set(backends.map(({ namespace }) => namespace))).toEqual(new Set(["default"]));
  expect(await scene.sql("SELECT version, readable_by FROM $.schema_version")).toHaveLength(1);
  expect(await scene.sql("SELECT name FROM $.namespace")).toEqual([{ name: "default" }]);
});

test("a schema for later code alone is refused, also by handles that are open, and not changed", async () => {
  const scene = postgresScene();
  const open = await scene.open();
  await scene.sql("UPDATE $.schema_version SET version = 99, readable_by = 99");
  await expect(scene.open()).rejects.toMatchObject({ code: "BACKEND_TOO_NEW" });
  await expect(
    open.publish([{ hash: "h", name: "n", version: "1", json: "{}" }], { replace: false }),
  ).rejects.toMatchObject({ code: "BACKEND_TOO_NEW" });
  expect(await scene.sql("SELECT version, readable_by FROM $.schema_version")).toEqual([
    { version: 99, readable_by: 99 },
  ]);
});

test("a later schema that says that this code can use it is used", async () => {
  const scene = postgresScene();
  await scene.open();
  await scene.sql("UPDATE $.schema_version SET version = 99, readable_by = 1");
  const backend = await scene.open();
  expect(await backend.read.definitions()).toEqual([]);
});

test("a schema of another application is refused and left alone", async () => {
  const scene = postgresScene();
  await scene.sql(`CREATE SCHEMA "${scene.schema}"`);
  await scene.sql("CREATE TABLE $.theirs (a integer)");
  await expect(scene.open()).rejects.toMatchObject({ code: "INVALID_CONFIG" });
  expect(await scene.sql("SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace", [scene.schema])).toEqual(
    [{ relname: "theirs" }],
  );
});

test("an empty schema that somebody made is ours to use", async () => {
  const scene = postgresScene();
  await scene.sql(`CREATE SCHEMA "${scene.schema}"`);
  const backend = await scene.open();
  expect(await backend.read.sessions()).toEqual([]);
});
