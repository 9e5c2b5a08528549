/**
 * Where a server is, read from a URL: `redis://user:password@host:port/database`, `rediss://` for TLS, and several hosts
 * for a cluster. Invariant: nothing that may be secret gets from a URL into an error or into what is shown.
 */

import { MillraceError } from "../../core/errors.ts";
import { checkName } from "../../core/names.ts";

export interface Node {
  readonly host: string;
  readonly port: number;
}

export interface Address {
  readonly nodes: readonly [Node, ...Node[]];
  readonly cluster: boolean;
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /** What to show of it. */
  readonly location: string;
  /** What else the URL says of the store. */
  readonly prefix: string | undefined;
  readonly durability: "none" | "process" | "power" | undefined;
}

const PORT = 6379;
const FORMS = [
  "Write redis://host:6379 (rediss:// for TLS), with user:password@ before the host and /1 for another database.",
  "Write redis://host-1:6379,host-2:6379/?cluster=true for a cluster; a node or two are enough, the others are found.",
];
const URL_FORM = /^(rediss?)(\+cluster)?:\/\/(?:(.*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/su;

/** Throws `INVALID_VALUE` for what is no URL of a server. */
export function readAddress(url: string): Address {
  const match = URL_FORM.exec(url);
  if (match === null) throw invalid("it is not of the form redis://host:port/database");
  const [, scheme = "", clustered, login, hosts = "", path = "", search = ""] = match;
  const options = readSearch(search);
  const [first = { host: "", port: PORT }, ...others] = hosts.split(",").map(readNode);
  const cluster = clustered !== undefined || options.cluster;
  if (others.length > 0 && !cluster) throw invalid("several hosts are a cluster: add ?cluster=true");
  const database = readDatabase(path);
  if (cluster && database !== 0) throw invalid("a cluster has no databases but 0");
  return {
    nodes: [first, ...others],
    cluster,
    tls: scheme === "rediss",
    ...readLogin(login),
    database,
    location: locationOf(scheme, [first, ...others], database),
    prefix: options.prefix,
    durability: options.durability,
  };
}

/** Without user and password. */
export function locationOf(scheme: string, nodes: readonly Node[], database: number): string {
  const hosts = nodes.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`);
  return `${scheme}://${hosts.join(",")}${database === 0 ? "" : `/${database}`}`;
}

/** The URL with what a second handle must know too. */
export function withOptions(url: string, options: { readonly prefix: string; readonly durability: string }): string {
  const [start = "", search = ""] = url.split("?");
  const parameters = new URLSearchParams(search);
  parameters.set("prefix", options.prefix);
  parameters.set("durability", options.durability);
  return `${start}?${parameters.toString()}`;
}

function readNode(text: string): Node {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/u.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? PORT : Number(match[3]);
  if (host === undefined) throw invalid("a host of it is not one");
  if (port < 1 || port > 65_535) throw invalid("a port of it is not one");
  return { host, port };
}

function readLogin(login: string | undefined): Pick<Address, "username" | "password"> {
  if (login === undefined || login === "") return { username: undefined, password: undefined };
  const colon = login.indexOf(":");
  const [user, password] = colon < 0 ? [login, undefined] : [login.slice(0, colon), login.slice(colon + 1)];
  return {
    username: user === "" ? undefined : decoded(user),
    password: password === undefined ? undefined : decoded(password),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid("its user or password has a % that is not followed by two hexadecimal digits");
  }
}

function readDatabase(path: string): number {
  if (path === "") return 0;
  if (!/^\d{1,5}$/u.test(path)) throw invalid("the database in it is not a number");
  return Number(path);
}

function readSearch(search: string) {
  const parameters = new URLSearchParams(search);
  for (const name of parameters.keys()) {
    if (!["cluster", "prefix", "durability"].includes(name)) {
      throw invalid("what stands after the question mark may be cluster, prefix and durability");
    }
  }
  const durability = parameters.get("durability") ?? undefined;
  if (durability !== undefined && durability !== "none" && durability !== "process" && durability !== "power") {
    throw invalid('the durability in it is not "none", "process" or "power"');
  }
  const prefix = parameters.get("prefix") ?? undefined;
  if (prefix !== undefined) checkName(prefix, "the prefix in the URL");
  return { cluster: parameters.get("cluster") === "true", prefix, durability } as const;
}

function invalid(why: string): MillraceError {
  return new MillraceError("INVALID_VALUE", `the URL of a Redis server cannot be used: ${why}`, { hints: FORMS });
}
