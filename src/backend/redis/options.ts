/** How a store on Redis is opened: the options that a program gives. */

import type { Clock, Logger } from "../../core/ports.ts";
import type { Node } from "./address.ts";
import type { WaitOptions } from "./confirmation.ts";
import type { RedisHandle } from "./driver.ts";

/** How a store on Redis is opened. Exactly one of `url`, `client` and `cluster` must be given. */
export interface RedisOptions extends WaitOptions {
  /** `redis://user:password@host:6379/0`; `rediss://` for TLS; `redis://a:6379,b:6379/?cluster=true` for a cluster. */
  readonly url?: string | undefined;
  /** A connected client or cluster of the package `redis`. It stays the caller's to close. */
  readonly client?: RedisHandle | undefined;
  /** Some nodes of a cluster; the others are found. */
  readonly cluster?:
    | {
        readonly nodes: readonly Node[];
        readonly username?: string | undefined;
        readonly password?: string | undefined;
      }
    | undefined;
  /** Worlds that share nothing within one server. Default `default`. */
  readonly namespace?: string | undefined;
  /** What all keys begin with. Default `mr`. */
  readonly prefix?: string | undefined;
  /** Parts that one namespace is cut into, fixed when it is first opened. Default: 1 on a server, 16 on a cluster. */
  readonly partitions?: number | undefined;
  /** TLS, with what `tls.connect` of Node takes if it is an object. Default: as the URL says. */
  readonly tls?: boolean | Readonly<Record<string, unknown>> | undefined;
  readonly connectTimeoutMs?: number | undefined;
  /** How long an answer of the server is waited for before it counts as unavailable. */
  readonly commandTimeoutMs?: number | undefined;
  /**
   * The least that is accepted. `process` (default): what was acknowledged survives the crash of any program, which takes
   * `appendonly yes`. `power`: the loss of power, which takes `appendfsync always`. `none`: whatever the server does.
   */
  readonly durability?: "none" | "process" | "power" | undefined;
  /** For simulations: then all time comes from it. Default: the server's clock. */
  readonly clock?: Pick<Clock, "now"> | undefined;
  /** Hears, as warnings, what weakens the server's promises. */
  readonly logger?: Logger | undefined;
}
