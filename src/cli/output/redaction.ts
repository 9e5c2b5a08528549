/** Takes secrets out of what commands show, by the same rules as the engine's own log. It adds none of its own. */

export { redactText, redactValue } from "../../logging/redaction.ts";
