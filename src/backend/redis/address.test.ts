import { expect, test } from "vitest";
import { isMillraceError } from "../../core/errors.ts";
import { readAddress, withOptions } from "./address.ts";

test("a URL tells host, port, user, password and database, and its location tells no secret", () => {
  expect(readAddress("redis://ann:s%40cret@db:7000/3")).toMatchObject({
    nodes: [{ host: "db", port: 7000 }],
    cluster: false,
    tls: false,
    username: "ann",
    password: "s@cret",
    database: 3,
    location: "redis://db:7000/3",
  });
  expect(readAddress("rediss://:p:w@db")).toMatchObject({
    tls: true,
    username: undefined,
    password: "p:w",
    nodes: [{ host: "db", port: 6379 }],
    location: "rediss://db:6379",
  });
});

test("several hosts are a cluster, where the URL says so", () => {
  const nodes = [
    { host: "a", port: 1 },
    { host: "::1", port: 6379 },
  ];
  for (const url of ["redis://a:1,[::1]/?cluster=true", "redis+cluster://a:1,[::1]"]) {
    expect(readAddress(url)).toMatchObject({ nodes, cluster: true, location: "redis://a:1,[::1]:6379" });
  }
});

test("what a second handle must know goes along with the URL", () => {
  const url = withOptions("redis://ann:pw@db/?cluster=true", { prefix: "mine", durability: "none" });
  expect(readAddress(url)).toMatchObject({ prefix: "mine", durability: "none", cluster: true, password: "pw" });
});

test.each([
  "redis://",
  "redis:db",
  "redis://s3cret@a,b",
  "redis://db:0",
  "redis://db:70000",
  "redis://db/one",
  "redis://x:%zz@db",
  "redis://x:s3cret@db?password=s3cret",
  "redis://x:s3cret@db?durability=s3cret",
  "redis://x:s3cret@db?prefix={s3cret}",
  "redis+cluster://x:s3cret@db/2",
  "redis://x:s3cret@db name",
])("%j is refused, and nothing of it is shown", (url) => {
  let thrown: unknown;
  try {
    readAddress(url);
  } catch (error) {
    thrown = error;
  }
  expect(isMillraceError(thrown, "INVALID_VALUE")).toBe(true);
  expect(String(thrown) + JSON.stringify(thrown)).not.toMatch(/"?password=s3cret|:s3cret|durability=s3cret/);
});
