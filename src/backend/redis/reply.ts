/**
 * What comes back from a server, with types. Bytes come as buffers, never as text. A reply that is not what must be there
 * means that somebody else wrote under our keys, and is told as `BACKEND_CORRUPT` instead of going on with nonsense.
 */

import { Buffer } from "node:buffer";
import { MillraceError } from "../../core/errors.ts";

export type Reply = Buffer | string | number | null | undefined | readonly Reply[];

/** What a driver gave. What is inside of a list is looked at by whoever takes it out. */
export function asReply(given: unknown): Reply {
  return isReply(given) ? given : wrong("reply", undefined);
}

function isReply(given: unknown): given is Reply {
  return (
    given === null ||
    given === undefined ||
    typeof given === "string" ||
    typeof given === "number" ||
    Buffer.isBuffer(given) ||
    Array.isArray(given)
  );
}

export function listOf(reply: Reply): readonly Reply[] {
  return isList(reply) ? reply : wrong("list", reply);
}

export function bytesOf(reply: Reply): Buffer {
  return optionalBytes(reply) ?? wrong("bytes", reply);
}

export function optionalBytes(reply: Reply): Buffer | undefined {
  if (reply === null || reply === undefined) return undefined;
  return Buffer.isBuffer(reply) ? reply : wrong("bytes", reply);
}

export function textOf(reply: Reply): string {
  return optionalText(reply) ?? wrong("text", reply);
}

export function optionalText(reply: Reply): string | undefined {
  if (typeof reply === "string") return reply;
  return optionalBytes(reply)?.toString("utf8");
}

/** A number, or text of one. */
export function numberOf(reply: Reply): number {
  const number = typeof reply === "number" ? reply : scoreOf(textOf(reply));
  return Number.isNaN(number) ? wrong("number", reply) : number;
}

/** An instant or a rank as an index gives it. */
function scoreOf(text: string): number {
  if (text === "inf") return Number.POSITIVE_INFINITY;
  if (text === "-inf") return Number.NEGATIVE_INFINITY;
  return text === "" ? Number.NaN : Number(text);
}

/** Members of an index with what they are ordered by. */
export function scoredOf(reply: Reply): readonly { readonly member: string; readonly score: number }[] {
  const list = listOf(reply);
  const entries: { readonly member: string; readonly score: number }[] = [];
  for (let at = 0; at + 1 < list.length; at += 2) {
    entries.push({ member: textOf(list[at]), score: numberOf(list[at + 1]) });
  }
  return entries;
}

function isList(reply: Reply): reply is readonly Reply[] {
  return Array.isArray(reply);
}

function wrong(expected: string, reply: Reply): never {
  const found = reply === null || reply === undefined ? "nothing" : `a ${isList(reply) ? "list" : typeof reply}`;
  throw damaged(`${found} where ${expected} must be`);
}

export function damaged(what: string): MillraceError {
  return new MillraceError("BACKEND_CORRUPT", `the store holds ${what}`);
}
