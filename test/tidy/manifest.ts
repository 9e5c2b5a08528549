/**
 * What the package may depend on at run time: few packages, none with an install script anywhere below them, and a lock
 * file that names no registry. Reads the manifest and the lock file, never `node_modules`.
 */

export interface Manifest {
  readonly version: string;
  readonly exports?: Readonly<Record<string, string | { readonly default: string }>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface LockFile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const most = 8;

export function manifestProblems(manifest: Manifest, lock: LockFile): string[] {
  const direct = [...Object.keys(manifest.dependencies ?? {}), ...Object.keys(manifest.optionalDependencies ?? {})];
  const problems: string[] = [];
  if (direct.length > most) problems.push(`${direct.length} runtime dependencies are more than ${most}`);
  for (const peer of Object.keys(manifest.peerDependencies ?? {})) {
    if (manifest.peerDependenciesMeta?.[peer]?.optional !== true) problems.push(`the peer ${peer} is not optional`);
  }
  for (const [path, entry] of Object.entries(lock.packages)) {
    const runtime = path !== "" && entry.dev !== true && entry.devOptional !== true;
    if (runtime && entry.hasInstallScript === true) problems.push(`${path} runs a script when it is installed`);
    for (const name of path === "" ? [] : Object.keys(entry.optionalDependencies ?? {})) {
      const locked = lock.packages[`node_modules/${name}`] ?? lock.packages[`${path}/node_modules/${name}`];
      if (locked === undefined) problems.push(`${path} has the unlocked part ${name}, so that \`npm ci\` refuses`);
    }
    if (entry.resolved !== undefined && !entry.resolved.startsWith("file:")) {
      problems.push(`${path} is locked to the address ${entry.resolved}`);
    }
  }
  for (const name of direct) {
    if (lock.packages[`node_modules/${name}`] === undefined) problems.push(`${name} is not in the lock file`);
  }
  return problems;
}
