/**
 * Refuses a Node that is too old, in one line that says which one is needed. Every entry point of the package imports
 * this module first, for its effect alone. It imports nothing, and no module of the package may statically import what
 * an older Node lacks (`node:sqlite` above all): static imports are resolved before any code runs, so that such an
 * import would fail before this check could speak.
 */

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major < 22 || (major === 22 && minor < 18)) {
  const error = new Error(`millrace needs Node.js 22.18 or newer; this is Node.js ${process.versions.node}.`);
  // The line is the whole story: a stack of loader frames below it would only hide it.
  error.stack = `${error.name}: ${error.message}`;
  throw error;
}
