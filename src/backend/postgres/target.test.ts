import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { targetOf } from "./target.ts";

beforeEach(() => {
  for (const name of ["PGHOST", "PGPORT", "PGDATABASE", "PGUSER"]) vi.stubEnv(name, undefined);
});
afterEach(() => vi.unstubAllEnvs());

test("a URL says where the server is, and what is named beside it wins", () => {
  const url = "postgresql://ann:p%40ss@db.example:6543/orders?schema=flows&pool_size=3&connect_timeout=2";
  expect(targetOf({ url, poolSize: 5 })).toMatchObject({
    host: "db.example",
    port: 6543,
    user: "ann",
    password: "p@ss",
    database: "orders",
    tls: undefined,
    schema: "flows",
    poolSize: 5,
    connectTimeoutMs: 2_000,
    statementTimeoutMs: 30_000,
    applicationName: "millrace",
    preparedStatements: true,
    notifications: true,
    location: "postgres://db.example:6543/orders?schema=flows",
    ignored: [],
  });
});

test("a Unix socket and an address of version 6 are places too", () => {
  const socket = targetOf({ url: "postgres:///orders?host=/var/run/postgresql" });
  expect([socket.host, socket.location]).toEqual([
    "/var/run/postgresql",
    "postgres://%2Fvar%2Frun%2Fpostgresql:5432/orders",
  ]);
  const six = targetOf({ url: "postgres://[::1]:5433/orders" });
  expect([six.host, six.location]).toEqual(["::1", "postgres://[::1]:5433/orders"]);
});

test("what is absent is shown as the driver will find it", () => {
  vi.stubEnv("PGHOST", "elsewhere");
  vi.stubEnv("PGDATABASE", "books");
  expect(targetOf({}).location).toBe("postgres://elsewhere:5432/books");
});

test.each([
  ["disable", false],
  ["prefer", false],
  ["require", { rejectUnauthorized: false }],
  ["no-verify", { rejectUnauthorized: false }],
  ["verify-full", {}],
])("sslmode=%s is as everywhere with PostgreSQL", (mode, tls) => {
  expect(targetOf({ url: `postgres://h/d?sslmode=${mode}` }).tls).toEqual(tls);
});

test.each([
  "postgres://ann:s3cret@h:99999/d",
  "postgres://ann:12#s3cret@h/d",
  "postgres://ann:12/s3cret@h/d",
  "postgres://ann:12?s3cret@h/d",
  "postgres://ann:%s3cret@h/d",
  "postgres://ann:s3cret@h/d?sslmode=s3cret",
  "postgres://ann:s3cret@h/d?schema=S3cret",
  "postgres://ann:s3cret@h/d?pool_size=s3cret",
  "postgres://ann:s3cret@h/d?sslmode=verify-full&sslrootcert=/s3cret",
  "mysql://ann:s3cret@h/d",
])("%s is refused, and nothing secret is shown", (url) => {
  const error = refusalOf(() => targetOf({ url }));
  expect(error).toMatchObject({ code: "INVALID_CONFIG" });
  expect(`${JSON.stringify(error)} ${String(error)}`.toLowerCase()).not.toContain("s3cret");
});

test.each([
  { schema: "no such name" },
  { schema: "pg_own" },
  { schema: "x".repeat(64) },
  { poolSize: 0 },
  { port: 0 },
  { statementTimeoutMs: 1.5 },
  { connectTimeoutMs: Number.NaN },
])("%j cannot be", (options) => {
  expect(refusalOf(() => targetOf(options))).toMatchObject({ code: "INVALID_CONFIG" });
});

test("parameters of other programs are named, not obeyed", () => {
  expect(targetOf({ url: "postgres://h/d?channel_binding=require&pgbouncer=true" }).ignored).toEqual([
    "channel_binding",
    "pgbouncer",
  ]);
});

test("another thread is told everything that a URL can say, and reaches the same place", () => {
  const options = { url: "postgres://ann:p%40ss@h:6543/d?sslmode=require", schema: "flows", preparedStatements: false };
  const { renewalUrl } = targetOf(options);
  expect(targetOf({ url: renewalUrl })).toMatchObject({
    host: "h",
    port: 6543,
    user: "ann",
    password: "p@ss",
    database: "d",
    tls: { rejectUnauthorized: false },
    schema: "flows",
    poolSize: 1,
    preparedStatements: false,
    notifications: false,
    ignored: [],
  });
  expect(targetOf({ host: "h", tls: true }).renewalUrl).toContain("sslmode=verify-full");
});

test("what a URL cannot say is renewed by nobody else", () => {
  expect(targetOf({ host: "h", password: () => "p" }).renewalUrl).toBeUndefined();
  expect(targetOf({ host: "h", tls: { ca: "…" } }).renewalUrl).toBeUndefined();
});

function refusalOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}
