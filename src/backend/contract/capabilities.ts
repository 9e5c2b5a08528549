/**
 * How backends differ, in words that nobody has to look behind. Code outside a backend's own folder asks these, never which backend it is.
 */

export interface Capabilities {
  /** What an acknowledged write survives: nothing, the crash of any program, or power loss. */
  readonly durability: "none" | "process" | "power";
  /** Other processes can open the same data. */
  readonly shared: boolean;
  /** Wake-ups from other processes arrive without polling. */
  readonly pushWakeups: boolean;
  /** `thread`: sessions are renewed over a second connection made from `renewalUrl`; `inProcess`: attached sessions are renewed before anything expires; `main`: only on the caller's own thread. */
  readonly renewal: "thread" | "inProcess" | "main";
}
