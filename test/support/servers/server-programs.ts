/**
 * Where the programs of PostgreSQL and Redis are on this machine: on the path, or where Debian keeps those of PostgreSQL.
 * Starts nothing. What is missing is said in one sentence that tells how to get it.
 */

import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { env } from "node:process";

/** Where to look; tests of the set-up itself look elsewhere. */
export interface ProgramPlaces {
  readonly path: string;
  /** A folder with one folder for each version of PostgreSQL, `15/bin` in it. */
  readonly postgresVersions: string;
}

export const machinePlaces: ProgramPlaces = { path: env.PATH ?? "", postgresVersions: "/usr/lib/postgresql" };

/** The folder that holds `initdb`, `postgres`, `pg_dump` and the rest: the path's own, else the newest one. */
export function postgresFolder(places: ProgramPlaces = machinePlaces): string | undefined {
  const versions = existsSync(places.postgresVersions) ? readdirSync(places.postgresVersions) : [];
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a));
  const folders = [...onPath(places), ...newestFirst.map((version) => join(places.postgresVersions, version, "bin"))];
  return folders.find((folder) => isProgram(join(folder, "initdb")) && isProgram(join(folder, "postgres")));
}

/** The program that serves Redis. */
export function redisProgram(places: ProgramPlaces = machinePlaces): string | undefined {
  return onPath(places)
    .map((folder) => join(folder, "redis-server"))
    .find(isProgram);
}

export const packageOf = { PostgreSQL: "postgresql", Redis: "redis-server" } as const;

export function missingPrograms(name: keyof typeof packageOf): string {
  const program = name === "Redis" ? "redis-server" : "initdb";
  const places = name === "Redis" ? "on the path" : `on the path or below ${machinePlaces.postgresVersions}`;
  return `There is no ${program} ${places}. Install ${name}: apt-get install ${packageOf[name]}`;
}

function onPath(places: ProgramPlaces): string[] {
  return places.path.split(delimiter).filter((folder) => folder !== "");
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
