/**
 * What became of a session's last request before items were claimed for it: the answers to its commits, and how many items are
 * claimed from which partition. With it, a request that is sent again asks every partition for the very same as before,
 * through whichever handle. It lies in the session's own partition.
 */

import { MillraceError } from "../../../core/errors.ts";
import type { CommitAndClaim } from "../../contract/claim.ts";
import type { CommitAnswer } from "../../contract/commit.ts";
import { requestDigest } from "../../synchronous/commit-and-claim.ts";
import { decodeAnswer, encodeAnswer } from "../../synchronous/stored-answer.ts";
import { keyText } from "../keys.ts";
import type { Partition } from "../partition.ts";
import { listOf, numberOf, optionalText, textOf } from "../reply.ts";
import { listAt, numberAt, readList, textAt } from "../stored-list.ts";
import type { Share } from "./claim-plan.ts";

export interface RequestRecord {
  readonly request: number;
  readonly digest: string;
  readonly answers: readonly CommitAnswer[];
  readonly now: number;
  /** By number of the partition. */
  readonly shares: readonly Share[];
}

export class RequestRecords {
  readonly #partition: Partition;
  readonly #session: string;

  /** `partition`: that of the session. */
  constructor(partition: Partition, session: string) {
    this.#partition = partition;
    this.#session = session;
  }

  /** The record of this very request, if it got that far. Throws `COMMIT_CONFLICT` if it comes late or has other content. */
  async of(request: CommitAndClaim): Promise<{ readonly record: RequestRecord | undefined; readonly stored: string }> {
    const { reads, keys } = this.#partition;
    const stored = optionalText(await reads.one("HGET", keys.requests, keyText(this.#session))) ?? "";
    return { record: this.#checked(stored, request), stored };
  }

  /** Keeps the record, unless somebody did so for the same request meanwhile: then that one counts. */
  async keep(record: RequestRecord, before: string, request: CommitAndClaim): Promise<RequestRecord> {
    const { keys } = this.#partition;
    const args = ["field", keys.requests, keyText(this.#session), before, writeRecord(record)];
    const [changed, current] = listOf(await this.#partition.script("compare-and-set", args));
    if (numberOf(changed) === 1) return record;
    const other = this.#checked(textOf(current), request);
    if (other !== undefined) return other;
    throw new MillraceError("BACKEND_UNAVAILABLE", `session ${this.#session} sends several requests at once`);
  }

  #checked(stored: string, request: CommitAndClaim): RequestRecord | undefined {
    const record = stored === "" ? undefined : readRecord(stored);
    if (record === undefined || record.request < request.request) return undefined;
    if (record.request === request.request && record.digest === requestDigest(request)) return record;
    const problem =
      record.request === request.request
        ? "was sent before with other content"
        : `comes after request ${record.request}`;
    throw new MillraceError("COMMIT_CONFLICT", `request ${request.request} of session ${request.session} ${problem}`);
  }
}

function writeRecord({ request, digest: content, answers, now, shares }: RequestRecord): string {
  const answer = encodeAnswer({ answers, references: [], now, nextDueAt: undefined });
  return JSON.stringify([request, content, answer, shares.map(({ ready, stalled }) => [ready, stalled])]);
}

function readRecord(stored: string): RequestRecord {
  const list = readList(stored, "the record of a request");
  const { answers, now } = decodeAnswer(textAt(list, 2));
  const shares = listAt(list, 3).map((_, at) => {
    const share = listAt(listAt(list, 3), at);
    return { ready: numberAt(share, 0), stalled: numberAt(share, 1) };
  });
  return { request: numberAt(list, 0), digest: textAt(list, 1), answers, now, shares };
}
