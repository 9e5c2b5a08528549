/**
 * The version of this package, as code can read it without touching the file system. The release changes it together
 * with the manifest; a test holds the two equal.
 */

/** The version of the installed `millrace` package, as in its `package.json`. */
export const VERSION = "0.1.0";
