import { describe, expect, it } from "vitest";
import { REDACTED, redactText, redactValue } from "./redaction.ts";

// Put together here, so that no scanner takes this file for a leak.
const awsKey = `AKIA${"ABCDEFGHIJKLMNOP"}`;
const jwt = ["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "abc-DEF_123"].join(".");

describe("redactText", () => {
  it.each([
    ["an AWS key", `key ${awsKey}.`, `key ${REDACTED}.`],
    ["a JWT", `token ${jwt} end`, `token ${REDACTED} end`],
    ["a bearer", "Authorization: Bearer abcdef123456==", `Authorization: Bearer ${REDACTED}`],
    ["a password of a URL", "postgres://me:s3cret@db:5432/x", `postgres://me:${REDACTED}@db:5432/x`],
    ["a password with odd characters", "redis://:p/a@s#s@host/0", `redis://:${REDACTED}@host/0`],
    ["an assignment", "password=hunter2 and apiKey: 'abc'", `password=${REDACTED} and apiKey: '${REDACTED}'`],
    ["JSON within text", '{"password":"hunter2","a":1}', `{"password":"${REDACTED}","a":1}`],
    ["a query", "https://x.example/?token=abc&b=1", `https://x.example/?token=${REDACTED}&b=1`],
    ["a private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", REDACTED],
  ])("takes out %s", (_, text, shown) => {
    expect(redactText(text)).toBe(shown);
  });

  it.each([
    "Unexpected token: b in JSON",
    "https://user@host/path",
    "sqlite:./a.db",
    "the password was wrong",
    "a:b@c",
  ])("leaves %j as it is", (text) => {
    expect(redactText(text)).toBe(text);
  });

  it("takes time in proportion to the text", () => {
    for (const part of [
      "eyJ",
      "AKIA",
      "a://b:",
      "password=",
      "-----BEGIN PRIVATE KEY-----",
      "Bearer ",
      "password:   ",
    ]) {
      const started = performance.now();
      redactText(part.repeat(50_000));
      expect(performance.now() - started).toBeLessThan(3_000);
    }
  });
});

describe("redactValue", () => {
  it("takes out what keys say is secret, whatever it is and however deep", () => {
    const value = {
      user: "u",
      Password: "p",
      list: [{ "api-key": 5, access_token: ["a"] }],
      nested: { AUTHORIZATION: { a: 1 } },
    };
    expect(redactValue(value)).toEqual({
      user: "u",
      Password: REDACTED,
      list: [{ "api-key": REDACTED, access_token: REDACTED }],
      nested: { AUTHORIZATION: REDACTED },
    });
  });

  it("leaves what is no secret: flags, absence, bytes, and keys that only sound alike", () => {
    const value = { password: null, token: true, tokens: 5, keyboard: "k", bytes: new Uint8Array([1]), n: 1 };
    expect(redactValue(value)).toEqual(value);
  });

  it("takes out secrets by their shape, also where no key says so", () => {
    expect(redactValue([`see ${jwt}`])).toEqual([`see ${REDACTED}`]);
  });

  it("cannot be made to change a prototype", () => {
    const shown = redactValue(JSON.parse('{"__proto__":{"admin":1},"a":1}'));
    expect(Object.getPrototypeOf(shown)).toBe(Object.prototype);
    expect(Object.keys(shown as object)).toEqual(["__proto__", "a"]);
  });
});
