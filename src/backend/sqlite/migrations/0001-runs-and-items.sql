-- Purpose: everything that the engine keeps of definitions, runs, work items, contexts, history and sessions.
-- Inputs:  an empty database.
-- Atomic:  applied in one transaction together with the schema's version; forward only.
--
-- How to read it:
--   * `ns` is a namespace. Rows of a run belong to the run's namespace; nothing joins across.
--   * Runs, sessions, lanes and shapes are known by integers, so that hot rows and index entries stay small.
--   * Instants are milliseconds of the backend's clock. They, durations and ranks are REAL: exact for every number of
--     the engine, stored as small integers where they are whole.
--   * Words of closed sets are numbers (see sql/stored-code.ts).
--   * Text that SQLite cannot hold is escaped (see sql/stored-text.ts).
--   * The indexes that claims look at are partial: nothing that is finished lies in them.

CREATE TABLE namespace (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

-- Definitions, once per hash. Never changed.
CREATE TABLE definition (
  ns INTEGER NOT NULL,
  hash TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  json TEXT NOT NULL,
  published_at REAL NOT NULL,
  PRIMARY KEY (ns, hash)
) STRICT, WITHOUT ROWID;

-- What a name and version stand for now.
CREATE TABLE definition_version (
  ns INTEGER NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  hash TEXT NOT NULL,
  PRIMARY KEY (ns, name, version)
) STRICT, WITHOUT ROWID;

-- What a claim is addressed to. Never changed, never removed. `labels` is JSON, sorted.
CREATE TABLE lane (
  id INTEGER PRIMARY KEY,
  ns INTEGER NOT NULL,
  queue TEXT NOT NULL,
  definition TEXT NOT NULL,
  labels TEXT NOT NULL,
  UNIQUE (ns, queue, definition, labels)
) STRICT;

-- What work items of one node have in common. Never changed, never removed. A deadline of -1 means none.
CREATE TABLE shape (
  id INTEGER PRIMARY KEY,
  lane INTEGER NOT NULL,
  node TEXT NOT NULL,
  kind INTEGER NOT NULL,
  timeout_ms REAL NOT NULL,
  deadline_ms REAL NOT NULL,
  UNIQUE (lane, node, kind, timeout_ms, deadline_ms)
) STRICT;

-- Names of sessions by number. They outlive the session, as items say who claimed them last.
CREATE TABLE session_name (
  id INTEGER PRIMARY KEY,
  ns INTEGER NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (ns, name)
) STRICT;

-- The narrow, hot part of runs: one small row that each commit reads and writes. Numbers are never used again.
CREATE TABLE run (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  ns INTEGER NOT NULL,
  name TEXT NOT NULL,
  workflow TEXT NOT NULL,
  definition TEXT NOT NULL,
  status INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  commits INTEGER NOT NULL,
  items INTEGER NOT NULL,
  open INTEGER NOT NULL,
  parked INTEGER NOT NULL,
  held INTEGER NOT NULL,
  outputs INTEGER NOT NULL,
  completed INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  retried INTEGER NOT NULL,
  conflicts INTEGER NOT NULL,
  completion INTEGER NOT NULL,
  max_items REAL NOT NULL,
  priority REAL NOT NULL,
  timeout_at REAL,
  created_at REAL NOT NULL,
  status_at REAL NOT NULL,
  finished_at REAL,
  field_sequences TEXT NOT NULL,
  affinity INTEGER
) STRICT;
CREATE UNIQUE INDEX run_by_name ON run (ns, name);
CREATE INDEX run_by_creation ON run (ns, created_at, name);
CREATE INDEX run_by_workflow ON run (ns, workflow, created_at, name);
CREATE INDEX run_by_status ON run (ns, status, created_at, name);
-- Running and waiting runs that have a timeout.
CREATE INDEX run_by_timeout ON run (ns, timeout_at, name) WHERE timeout_at IS NOT NULL AND status < 2;
-- Finished runs, for retention.
CREATE INDEX run_by_finish ON run (ns, finished_at, name) WHERE finished_at IS NOT NULL;

-- What a run carries but no commit decides by. `tags` is JSON; `idempotency_key` is empty once a newer run took it over.
CREATE TABLE run_detail (
  run INTEGER PRIMARY KEY,
  ns INTEGER NOT NULL,
  workflow TEXT NOT NULL,
  version TEXT NOT NULL,
  input BLOB NOT NULL,
  input_digest TEXT NOT NULL,
  output BLOB,
  failure TEXT,
  tags TEXT NOT NULL,
  idempotency_key TEXT,
  key_holder INTEGER NOT NULL,
  parent_run TEXT,
  parent_item INTEGER
) STRICT;
CREATE UNIQUE INDEX run_detail_by_key ON run_detail (ns, workflow, idempotency_key) WHERE key_holder = 1;
-- Children of a run, for trees and cascades.
CREATE INDEX run_detail_by_parent ON run_detail (ns, parent_run, parent_item) WHERE parent_run IS NOT NULL;

-- Tags again, to list by, newest run first.
CREATE TABLE run_tag (
  ns INTEGER NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  created_at REAL NOT NULL,
  run_name TEXT NOT NULL,
  run INTEGER NOT NULL,
  PRIMARY KEY (ns, name, value, created_at, run_name)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_tag_by_run ON run_tag (run);

-- Work items. `place` says in which index of the claims it lies, `place_key` where in it:
--   0 none, 1 ready, 2 ready but has stalled before, 3 due while nobody has it, 4 due while in progress, 5 aside,
--   6 set apart because its row or its run's cannot be read.
-- A small input rides along; a larger one, and a handed-over failure, lie in `payload`. `contents` says which:
--   1 input here, 2 input in `payload`, 4 failure in `payload`, 8 has memos.
-- `extra` is JSON of what most items do not have: keys, failed attempts, stalls, conflicts, deadline, reason, revision, failure.
-- Rows lie in the order in which they were made, not by run: what is claimed and committed together was made together, so
-- a transaction touches few pages.
CREATE TABLE item (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  number INTEGER NOT NULL,
  ns INTEGER NOT NULL,
  lane INTEGER NOT NULL,
  shape INTEGER NOT NULL,
  status INTEGER NOT NULL,
  place INTEGER NOT NULL,
  place_key REAL,
  ready_at REAL NOT NULL,
  epoch INTEGER NOT NULL,
  session INTEGER,
  claimed_at REAL,
  ended_at REAL,
  commit_number INTEGER NOT NULL,
  timeout_at REAL,
  waited_ms REAL,
  ran_ms REAL,
  commit_digest TEXT,
  extra TEXT,
  contents INTEGER NOT NULL,
  created_at REAL NOT NULL,
  priority REAL NOT NULL,
  source INTEGER,
  branch_group INTEGER,
  joins INTEGER,
  place_in_emission INTEGER NOT NULL,
  path TEXT NOT NULL,
  input BLOB
) STRICT;
CREATE UNIQUE INDEX item_by_number ON item (run, number);
CREATE INDEX item_ready ON item (lane, place_key, run, number) WHERE place = 1;
CREATE INDEX item_stalled ON item (lane, place_key, run, number) WHERE place = 2;
CREATE INDEX item_due ON item (ns, place_key, run, number) WHERE place = 3;
CREATE INDEX item_busy ON item (session, place, place_key, run, number) WHERE status = 1;
CREATE INDEX item_aside ON item (run, number) WHERE place = 5;

-- Larger inputs (kind 0) and failures handed over (kind 1), apart from the hot rows.
CREATE TABLE payload (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  item INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  value BLOB NOT NULL,
  UNIQUE (run, item, kind)
) STRICT;

-- Openings of fan-outs that joins name. `joins` and `arrived` are JSON.
CREATE TABLE branch_group (
  run INTEGER NOT NULL,
  number INTEGER NOT NULL,
  fan_out TEXT NOT NULL,
  parent INTEGER,
  place_in_emission INTEGER NOT NULL,
  path TEXT NOT NULL,
  depth INTEGER NOT NULL,
  open INTEGER NOT NULL,
  joins TEXT NOT NULL,
  arrived TEXT NOT NULL,
  done INTEGER NOT NULL,
  PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;

-- Values that reached a join, in branch order.
CREATE TABLE arrival (
  run INTEGER NOT NULL,
  branch_group INTEGER NOT NULL,
  join_node TEXT NOT NULL,
  path TEXT NOT NULL,
  commit_number INTEGER NOT NULL,
  place_in_emission INTEGER NOT NULL,
  source INTEGER NOT NULL,
  node TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (run, branch_group, join_node, path, commit_number, place_in_emission, source)
) STRICT, WITHOUT ROWID;

-- Terminal outputs of `all` runs, in branch order.
CREATE TABLE output (
  run INTEGER NOT NULL,
  path TEXT NOT NULL,
  commit_number INTEGER NOT NULL,
  place_in_emission INTEGER NOT NULL,
  source INTEGER NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (run, path, commit_number, place_in_emission, source)
) STRICT, WITHOUT ROWID;

-- Changes of contexts, dense per run. `maker` is the item's number, or NULL where the run itself made it.
CREATE TABLE delta (
  run INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  maker INTEGER,
  epoch INTEGER NOT NULL,
  at REAL NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (run, sequence)
) STRICT, WITHOUT ROWID;

-- Folded contexts, as a cache: the newest per shape.
CREATE TABLE snapshot (
  run INTEGER NOT NULL,
  shape TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (run, shape)
) STRICT;

-- Results of durable steps.
CREATE TABLE memo (
  run INTEGER NOT NULL,
  item INTEGER NOT NULL,
  name TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (run, item, name)
) STRICT;

-- Failed attempts, the retried ones too. `failure` is JSON.
CREATE TABLE failure (
  id INTEGER PRIMARY KEY,
  ns INTEGER NOT NULL,
  run INTEGER NOT NULL,
  item INTEGER NOT NULL,
  node TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  failure TEXT NOT NULL,
  outcome TEXT NOT NULL,
  worker TEXT NOT NULL,
  at REAL NOT NULL
) STRICT;
CREATE INDEX failure_by_run ON failure (run, id);
CREATE INDEX failure_by_namespace ON failure (ns, id);

-- What nodes measured.
CREATE TABLE metric (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  item INTEGER NOT NULL,
  node TEXT NOT NULL,
  name TEXT NOT NULL,
  value ANY NOT NULL,
  at REAL NOT NULL
) STRICT;
CREATE INDEX metric_by_run ON metric (run, id);

-- What nodes logged. `data` is JSON.
CREATE TABLE log (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  item INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  at REAL NOT NULL,
  level TEXT NOT NULL,
  message TEXT NOT NULL,
  data TEXT
) STRICT;
CREATE INDEX log_by_run ON log (run, id);

-- Who did what to a run from outside.
CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  ns INTEGER NOT NULL,
  run TEXT NOT NULL,
  at REAL NOT NULL,
  action TEXT NOT NULL,
  actor TEXT,
  detail TEXT NOT NULL,
  item INTEGER
) STRICT;
CREATE INDEX audit_by_run ON audit (ns, run, id);

-- Lives of workers. `id` is that of `session_name`; lists are JSON; the answer to the last request is kept to answer it again.
CREATE TABLE session (
  id INTEGER PRIMARY KEY,
  ns INTEGER NOT NULL,
  worker TEXT NOT NULL,
  lease_ms REAL NOT NULL,
  queues TEXT NOT NULL,
  labels TEXT NOT NULL,
  definitions TEXT NOT NULL,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  started_at REAL NOT NULL,
  heartbeat_at REAL NOT NULL,
  until REAL NOT NULL,
  stopped_at REAL,
  swept INTEGER NOT NULL,
  health TEXT NOT NULL,
  last_request INTEGER NOT NULL,
  last_digest TEXT NOT NULL,
  last_answer TEXT NOT NULL
) STRICT;
-- Sessions whose leases may still expire.
CREATE INDEX session_live ON session (ns, until) WHERE stopped_at IS NULL AND swept = 0;
CREATE INDEX session_by_start ON session (ns, started_at);
