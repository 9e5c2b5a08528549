/**
 * What the store needs of a client of the package `redis`, in types of our own: the driver's are loaded with it, and it is
 * loaded only when a server is connected to. Clients that a program has already are taken by these, too.
 */

import type { Buffer } from "node:buffer";

export type Argument = string | Buffer;

export interface CommandOptions {
  readonly typeMapping?: Readonly<Record<number, unknown>>;
}

interface Emitting {
  on(event: string, listener: (...parameters: unknown[]) => void): unknown;
  off(event: string, listener: (...parameters: unknown[]) => void): unknown;
}

/** A client of `createClient`, connected. */
export interface RedisClientHandle extends Emitting {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  connect(): Promise<unknown>;
  destroy(): void;
  sendCommand(args: readonly Argument[], options?: CommandOptions): Promise<unknown>;
  duplicate(): RedisClientHandle;
  subscribe(channel: string, listener: (message: unknown) => void): Promise<void>;
  unsubscribe(channel: string, listener: (message: unknown) => void): Promise<void>;
}

/** A client of `createCluster`, connected. */
export interface RedisClusterHandle extends Emitting {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  readonly masters: readonly unknown[];
  connect(): Promise<unknown>;
  destroy(): void;
  sendCommand(
    firstKey: Argument | undefined,
    isReadonly: boolean | undefined,
    args: readonly Argument[],
    options?: CommandOptions,
  ): Promise<unknown>;
  /** The client of the node that has the key. */
  getNodeClientForKey(key: string): Promise<RedisClientHandle>;
  subscribe(channel: string, listener: (message: unknown) => void): Promise<void>;
  unsubscribe(channel: string, listener: (message: unknown) => void): Promise<void>;
}

export type RedisHandle = RedisClientHandle | RedisClusterHandle;

export function isCluster(handle: RedisHandle): handle is RedisClusterHandle {
  return "masters" in handle;
}
