/**
 * Finds the PostgreSQL and the Redis that tests share: what an environment variable names, else what answers on the
 * loopback, else the machine's programs, started here, else the same after installing them. What cannot be found is an
 * error whose message says what was tried and what to do. Tests use a schema or a namespace of their own there.
 */

import { env } from "node:process";
import type { Client } from "pg";
import { installPackages } from "../apt-package.ts";
import { onOneConnection, privatePostgres } from "./private-postgres.ts";
import { callRedis, fieldsOf, privateRedis } from "./private-redis.ts";
import { machinePlaces, type ProgramPlaces, packageOf, postgresFolder, redisProgram } from "./server-programs.ts";
import { POSTGRES_VARIABLE, REDIS_VARIABLE } from "./server-urls.ts";

/** What the machine has; tests of the search itself make another one up. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly places: ProgramPlaces;
  readonly postgresUrls: readonly string[];
  readonly redisUrls: readonly string[];
  /** How long a server has to answer. */
  readonly patienceMs: number;
}

const surroundings: Surroundings = {
  env,
  places: machinePlaces,
  postgresUrls: ["postgres://postgres@127.0.0.1:5432/test", "postgres://postgres@127.0.0.1:5432/postgres"],
  redisUrls: ["redis://127.0.0.1:6379"],
  patienceMs: 5_000,
};

export interface FoundServers extends AsyncDisposable {
  /** The URLs by the name of their environment variable. */
  readonly variables: Readonly<Record<string, string>>;
  /** A line for each: which it is and where. */
  readonly notes: readonly string[];
  /** Ends what was started here. Idempotent. */
  end(): Promise<void>;
}

const OLDEST_POSTGRES = 15;
const OLDEST_REDIS = 7;

interface Answering {
  readonly url: string;
  readonly note: string;
  readonly started?: { end(): Promise<void> };
}

/** One kind of server and how to come by it. `versionOf` fails with the reason when tests cannot use what is there. */
interface Kind {
  readonly name: keyof typeof packageOf;
  readonly variable: string;
  readonly oldest: number;
  readonly urls: readonly string[];
  readonly programsOf: (places: ProgramPlaces) => string | undefined;
  readonly start: (programs: string) => Promise<{ readonly url: string; end(): Promise<void> }>;
  readonly versionOf: (url: string) => Promise<string>;
}

export async function findServers(around: Surroundings = surroundings): Promise<FoundServers> {
  const kinds = [postgres(around), redis(around)];
  const outcomes = await Promise.allSettled(kinds.map((kind) => find(kind, around)));
  const found = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  const end = async (): Promise<void> => {
    await Promise.all(found.map(({ started }) => started?.end()));
  };
  const failures = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
  if (failures.length > 0) {
    await end();
    throw new Error(failures.map((failure) => messageOf(failure)).join("\n"));
  }
  return {
    variables: Object.fromEntries(kinds.map((kind, index) => [kind.variable, found[index]?.url ?? ""])),
    notes: found.map(({ note }) => note),
    end,
    [Symbol.asyncDispose]: end,
  };
}

function postgres(around: Surroundings): Kind {
  return {
    name: "PostgreSQL",
    variable: POSTGRES_VARIABLE,
    oldest: OLDEST_POSTGRES,
    urls: around.postgresUrls,
    programsOf: postgresFolder,
    start: (programs) => privatePostgres({ programs, settings: { max_connections: "200" } }),
    versionOf: (url) => onOneConnection(url, (client) => postgresVersion(client), around.patienceMs),
  };
}

async function postgresVersion(client: Client): Promise<string> {
  const { rows } = await client.query(
    `select current_setting('server_version') as version, pg_is_in_recovery() as replica,
            has_database_privilege(current_database(), 'CREATE') as permitted`,
  );
  if (rows[0]?.replica === true) throw new Error("it is a replica");
  if (rows[0]?.permitted !== true) throw new Error("its user may not create schemas");
  return String(rows[0]?.version);
}

function redis(around: Surroundings): Kind {
  return {
    name: "Redis",
    variable: REDIS_VARIABLE,
    oldest: OLDEST_REDIS,
    urls: around.redisUrls,
    programsOf: redisProgram,
    start: (program) => privateRedis({ program }),
    versionOf: async (url) => {
      const info = fieldsOf(String(await callRedis(url, ["INFO"], around.patienceMs)));
      if (info.role !== "master") throw new Error("it is a replica");
      if (info.cluster_enabled === "1") throw new Error("it is a node of a cluster");
      if (info.maxmemory !== "0" && info.maxmemory_policy !== "noeviction") throw new Error("it evicts keys");
      return String(info.redis_version);
    },
  };
}

async function find(kind: Kind, around: Surroundings): Promise<Answering> {
  const { env: variables, places } = around;
  const named = variables[kind.variable];
  if (named !== undefined && named !== "") {
    const found = await probe(kind, named);
    if ("problem" in found) {
      throw new Error(
        `${kind.variable} names ${withoutPassword(named)}, which the tests cannot use: ${found.problem}. Correct it, or unset it: then a server is looked for.`,
      );
    }
    return found;
  }
  const problems: string[] = [];
  for (const url of kind.urls) {
    const found = await probe(kind, url);
    if ("note" in found) return found;
    problems.push(`${url}: ${found.problem}`);
  }
  return await startPrivate(kind, places, variables, problems);
}

async function startPrivate(
  kind: Kind,
  places: ProgramPlaces,
  variables: NodeJS.ProcessEnv,
  problems: string[],
): Promise<Answering> {
  if (kind.programsOf(places) === undefined) installPackages([packageOf[kind.name]], variables);
  const programs = kind.programsOf(places);
  if (programs === undefined) problems.push("no program of it on this machine, and none could be installed");
  else {
    try {
      const started = await kind.start(programs);
      const found = await probe(kind, started.url);
      if ("note" in found) return { ...found, note: `${found.note}, started for the tests`, started };
      await started.end();
      problems.push(`started from ${programs}: ${found.problem}`);
    } catch (error) {
      problems.push(`started from ${programs}: ${messageOf(error)}`);
    }
  }
  const tried = problems.map((problem) => `\n  ${problem}`).join("");
  throw new Error(
    `The tests need ${kind.name} ${kind.oldest} or later, and there is none. Tried:${tried}\nInstall it (apt-get install ${packageOf[kind.name]}), or set ${kind.variable} to the URL of one.`,
  );
}

async function probe(kind: Kind, url: string): Promise<Answering | { readonly problem: string }> {
  try {
    const version = await kind.versionOf(url);
    if (Number.parseInt(version, 10) < kind.oldest) return { problem: `it is version ${version}` };
    return { url, note: `${kind.name} ${version} at ${withoutPassword(url)}` };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

/** Several addresses of one name fail as one error without a message of its own. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messageOf).join(", ");
  return error instanceof Error ? error.message : String(error);
}

function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return "no URL";
  const shown = new URL(url);
  if (shown.password !== "") shown.password = "***";
  for (const name of shown.searchParams.keys()) if (name.includes("password")) shown.searchParams.set(name, "***");
  return shown.href;
}
