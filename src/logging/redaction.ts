/**
 * Takes secrets out of what is shown: in payloads by the names of their keys, in any text by the shapes that secrets
 * have. It can't know every secret; it knows those that leak most often. What it hides reads `[redacted]`, so that nobody
 * takes it for the value.
 */

export const REDACTED = "[redacted]";

/** Keys whose value is a secret, whatever it looks like. Compared without case, dashes and underscores. */
const SECRET_KEYS = new Set([
  "password",
  "passwd",
  "pwd",
  "passphrase",
  "secret",
  "clientsecret",
  "secretkey",
  "secretaccesskey",
  "awssecretaccesskey",
  "sessiontoken",
  "token",
  "accesstoken",
  "refreshtoken",
  "idtoken",
  "authtoken",
  "bearertoken",
  "apikey",
  "apisecret",
  "privatekey",
  "authorization",
  "proxyauthorization",
  "cookie",
  "setcookie",
  "credentials",
  "cvv",
  "cvc",
]);

/** Shapes of secrets in running text. Each is linear: no two parts of a pattern can take the same characters. */
const SHAPES: readonly (readonly [RegExp, string])[] = [
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, REDACTED],
  [/\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*/g, REDACTED],
  [
    /\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|sk_live_[A-Za-z0-9]{10,}|npm_[A-Za-z0-9]{30,})\b/g,
    REDACTED,
  ],
  [/-----BEGIN ([A-Z ]*)PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?/g, REDACTED],
  [/\b(Bearer|Basic) +[\w.~+/-]{8,}=*/gi, `$1 ${REDACTED}`],
  [/\b([a-z][a-z0-9+.-]{0,30}:\/\/[^\s/:@?#]{0,200}):\S{1,500}@/gi, `$1:${REDACTED}@`],
  [
    /\b(password|passwd|pwd|passphrase|api[_-]?key|access[_-]?token|client[_-]?secret)(["']?\s{0,3}[=:]\s{0,3}["']?)[^\s"'&,;]{1,500}/gi,
    `$1$2${REDACTED}`,
  ],
  [/\b(secret|token|auth)=[^\s"'&,;]{1,500}/gi, `$1=${REDACTED}`],
];

/** The text with everything that looks like a secret taken out. */
export function redactText(text: string): string {
  return SHAPES.reduce((shown, [shape, instead]) => shown.replace(shape, instead), text);
}

/** A copy of a JSON value with the secrets taken out. Bytes are left as they are. */
export function redactValue(value: unknown): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(redactValue);
  const entries: readonly (readonly [string, unknown])[] = Object.entries(value);
  return Object.fromEntries(entries.map(([key, held]) => [key, isSecret(key, held) ? REDACTED : redactValue(held)]));
}

function isSecret(key: string, value: unknown): boolean {
  if (value === null || value === undefined || typeof value === "boolean") return false;
  return SECRET_KEYS.has(key.toLowerCase().replaceAll(/[-_\s]/g, ""));
}
