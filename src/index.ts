/**
 * The public API of `millrace`, named one by one. It holds no code: what a user may rely on is listed here, and what is
 * not listed here is nobody's contract.
 */

import "./node-version.ts";

export { VERSION } from "./version.ts";
