-- Purpose: everything that the engine keeps of definitions, runs, work items, contexts, history, sessions, small records beside
--          runs, and checkpoints.
-- Inputs:  an empty schema. `millrace.` stands for the schema's name, which whoever applies this puts in its place.
-- Atomic:  applied in one transaction together with the schema's version, under a lock that all starters take; forward only.
--
-- How to read it:
--   * `ns` is a namespace. Rows of a run belong to the run's namespace; nothing joins across.
--   * Runs and lanes are known by integers, so that hot rows and index entries stay small. Sessions go by their names.
--   * Instants are milliseconds of the server's clock. They, durations and ranks are double precision: exact for every
--     number of the engine.
--   * Words of closed sets are numbers (see sql/stored-code.ts).
--   * Text that PostgreSQL cannot hold is escaped (see sql/stored-text.ts). Text that is ordered by is compared byte by byte.
--   * Text of any length that must be unique is so by its digest, since an index entry has a bound.
--   * The indexes that claims look at are partial: nothing that is finished lies in them. Entries of rows that have left them
--     stay for as long as anybody holds an old snapshot open, so claims begin behind them (see floors.ts).

CREATE TABLE millrace.namespace (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE
);

-- Definitions, once per hash. Never changed.
CREATE TABLE millrace.definition (
  ns integer NOT NULL,
  hash text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  version text COLLATE "C" NOT NULL,
  json text NOT NULL,
  published_at double precision NOT NULL,
  PRIMARY KEY (ns, hash)
);

-- What a name and version stand for now.
CREATE TABLE millrace.definition_version (
  ns integer NOT NULL,
  name text COLLATE "C" NOT NULL,
  version text COLLATE "C" NOT NULL,
  hash text COLLATE "C" NOT NULL,
  PRIMARY KEY (ns, name, version)
);

-- What a claim is addressed to, by priority. Never changed, never removed. `band` is a small whole priority; items of any other
-- share the lane without one. `key` is the digest of all of it.
CREATE TABLE millrace.lane (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ns integer NOT NULL,
  band smallint,
  queue text COLLATE "C" NOT NULL,
  definition text COLLATE "C" NOT NULL,
  labels text[] COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  UNIQUE (ns, key)
);
CREATE INDEX lane_by_definition ON millrace.lane (ns, definition);

-- Numbers of runs are taken in blocks, so that a process knows them before it writes.
CREATE SEQUENCE millrace.run_number AS bigint INCREMENT BY 256;

-- The narrow, hot part of runs: one small row that each commit reads and writes. Numbers are never used again.
-- `wake_at` is when the run's timeout is looked at: not before the row was written. `links` says which runs hear of its end: 1
-- for a parent, 2 for children, or their sum.
CREATE TABLE millrace.run (
  id bigint PRIMARY KEY,
  priority double precision NOT NULL,
  created_at double precision NOT NULL,
  status_at double precision NOT NULL,
  finished_at double precision,
  timeout_at double precision,
  wake_at double precision,
  max_items double precision NOT NULL,
  ns integer NOT NULL,
  generation integer NOT NULL,
  sequence integer NOT NULL,
  commits integer NOT NULL,
  items integer NOT NULL,
  open integer NOT NULL,
  parked integer NOT NULL,
  held integer NOT NULL,
  outputs integer NOT NULL,
  completed integer NOT NULL,
  failed integer NOT NULL,
  retried integer NOT NULL,
  conflicts integer NOT NULL,
  status smallint NOT NULL,
  completion smallint NOT NULL,
  links smallint NOT NULL,
  name text COLLATE "C" NOT NULL,
  workflow text COLLATE "C" NOT NULL,
  definition text COLLATE "C" NOT NULL,
  field_sequences text NOT NULL,
  affinity text COLLATE "C"
) WITH (fillfactor = 60);
CREATE UNIQUE INDEX run_by_name ON millrace.run (ns, name);
CREATE INDEX run_by_creation ON millrace.run (ns, created_at, name);
CREATE INDEX run_by_workflow ON millrace.run (ns, workflow, created_at, name);
CREATE INDEX run_by_status ON millrace.run (ns, status, created_at, name);
-- Running and waiting runs that have a timeout.
CREATE INDEX run_by_timeout ON millrace.run (ns, wake_at, name) WHERE wake_at IS NOT NULL AND status < 2;
-- Finished runs, for retention.
CREATE INDEX run_by_finish ON millrace.run (ns, finished_at, name) WHERE finished_at IS NOT NULL;

-- What a run carries but no commit decides by. `tags` is JSON. `key_digest` is of workflow and key; only the newest run of a
-- key holds it.
CREATE TABLE millrace.run_detail (
  run bigint PRIMARY KEY,
  ns integer NOT NULL,
  parent_item integer,
  key_holder boolean NOT NULL,
  version text COLLATE "C" NOT NULL,
  input bytea NOT NULL,
  input_digest text NOT NULL,
  output bytea,
  failure text,
  tags text NOT NULL,
  idempotency_key text,
  key_digest text COLLATE "C",
  parent_run text COLLATE "C"
);
CREATE UNIQUE INDEX run_detail_by_key ON millrace.run_detail (ns, key_digest) WHERE key_holder;

-- Tags again, to list by, newest run first. `tag` is the digest of name and value.
CREATE TABLE millrace.run_tag (
  ns integer NOT NULL,
  tag text COLLATE "C" NOT NULL,
  created_at double precision NOT NULL,
  run_name text COLLATE "C" NOT NULL,
  run bigint NOT NULL,
  PRIMARY KEY (ns, tag, created_at, run_name)
);
CREATE INDEX run_tag_by_run ON millrace.run_tag (run);

-- Work items. `place` says in which index of the claims it lies, `place_key` where in it:
--   0 none, 1 ready, 2 ready but has stalled before, 3 due while nobody has it, 4 due while in progress, 5 aside,
--   6 set apart because its row or its run's cannot be read, 7 ready with a rank that had passed when it was written.
-- A large input is kept out of the row, so that a claim or commit does not write it anew.
-- `extra` is JSON of what most items do not have: keys, failed attempts, stalls, conflicts, deadline, reason, revision, failure, wait.
CREATE TABLE millrace.item (
  run bigint NOT NULL,
  place_key double precision,
  ready_at double precision NOT NULL,
  created_at double precision NOT NULL,
  priority double precision NOT NULL,
  timeout_ms double precision NOT NULL,
  deadline_ms double precision,
  claimed_at double precision,
  ended_at double precision,
  timeout_at double precision,
  waited_ms double precision,
  ran_ms double precision,
  place_in_emission bigint NOT NULL,
  number integer NOT NULL,
  ns integer NOT NULL,
  lane integer NOT NULL,
  epoch integer NOT NULL,
  commit_number integer NOT NULL,
  source integer,
  branch_group integer,
  joins integer,
  status smallint NOT NULL,
  place smallint NOT NULL,
  kind smallint NOT NULL,
  has_memos boolean NOT NULL,
  node text COLLATE "C" NOT NULL,
  path text COLLATE "C" NOT NULL,
  session text COLLATE "C",
  commit_digest text,
  extra text,
  input bytea,
  handed_failure bytea,
  PRIMARY KEY (run, number)
) WITH (toast_tuple_target = 1024);
ALTER TABLE millrace.item ALTER COLUMN input SET STORAGE EXTERNAL, ALTER COLUMN handed_failure SET STORAGE EXTERNAL;
CREATE INDEX item_ready ON millrace.item (lane, place_key, run, number) WHERE place = 1;
CREATE INDEX item_late ON millrace.item (lane, place_key, run, number) WHERE place = 7;
CREATE INDEX item_stalled ON millrace.item (lane, place_key, run, number) WHERE place = 2;
CREATE INDEX item_due ON millrace.item (ns, place_key, run, number) WHERE place IN (3, 4);
CREATE INDEX item_busy ON millrace.item (session, claimed_at) WHERE status = 1;
CREATE INDEX item_aside ON millrace.item (run, number) WHERE place = 5;

-- Openings of fan-outs that joins name. `joins` and `arrived` are JSON.
CREATE TABLE millrace.branch_group (
  run bigint NOT NULL,
  place_in_emission bigint NOT NULL,
  number integer NOT NULL,
  parent integer,
  depth integer NOT NULL,
  open integer NOT NULL,
  done boolean NOT NULL,
  fan_out text COLLATE "C" NOT NULL,
  path text COLLATE "C" NOT NULL,
  joins text NOT NULL,
  arrived text NOT NULL,
  PRIMARY KEY (run, number)
) WITH (fillfactor = 60);

-- Values that reached a join, in branch order.
CREATE TABLE millrace.arrival (
  run bigint NOT NULL,
  place_in_emission bigint NOT NULL,
  branch_group integer NOT NULL,
  commit_number integer NOT NULL,
  source integer NOT NULL,
  join_node text COLLATE "C" NOT NULL,
  path text COLLATE "C" NOT NULL,
  node text COLLATE "C" NOT NULL,
  value bytea NOT NULL,
  PRIMARY KEY (run, branch_group, join_node, path, commit_number, place_in_emission, source)
);

-- Terminal outputs of `all` runs, in branch order.
CREATE TABLE millrace.output (
  run bigint NOT NULL,
  place_in_emission bigint NOT NULL,
  commit_number integer NOT NULL,
  source integer NOT NULL,
  path text COLLATE "C" NOT NULL,
  value bytea NOT NULL,
  PRIMARY KEY (run, path, commit_number, place_in_emission, source)
);

-- Changes of contexts, dense per run. `maker` is the item's number, or NULL where the run itself made it.
CREATE TABLE millrace.delta (
  run bigint NOT NULL,
  at double precision NOT NULL,
  sequence integer NOT NULL,
  maker integer,
  epoch integer NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (run, sequence)
);

-- Folded contexts, as a cache: the newest per shape.
CREATE TABLE millrace.snapshot (
  run bigint NOT NULL,
  sequence integer NOT NULL,
  shape text COLLATE "C" NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (run, shape)
);

-- Results of durable steps, in the order in which they were given. `key` is the digest of the name.
CREATE TABLE millrace.memo (
  run bigint NOT NULL,
  id bigint GENERATED ALWAYS AS IDENTITY,
  item integer NOT NULL,
  key text COLLATE "C" NOT NULL,
  name text NOT NULL,
  value bytea NOT NULL,
  PRIMARY KEY (run, item, key)
);

-- What running attempts say of how far they are: the latest of each item. `epoch` is the claim that said it.
CREATE TABLE millrace.progress (
  run bigint NOT NULL,
  at double precision NOT NULL,
  item integer NOT NULL,
  epoch integer NOT NULL,
  details bytea NOT NULL,
  PRIMARY KEY (run, item)
) WITH (fillfactor = 60);

-- Failed attempts, the retried ones too. `failure` is JSON.
CREATE TABLE millrace.failure (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run bigint NOT NULL,
  at double precision NOT NULL,
  ns integer NOT NULL,
  item integer NOT NULL,
  attempt integer NOT NULL,
  epoch integer NOT NULL,
  node text NOT NULL,
  failure text NOT NULL,
  outcome text NOT NULL,
  worker text NOT NULL
);
CREATE INDEX failure_by_run ON millrace.failure (run, id);
CREATE INDEX failure_by_namespace ON millrace.failure (ns, id);

-- What nodes measured.
CREATE TABLE millrace.metric (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run bigint NOT NULL,
  at double precision NOT NULL,
  value double precision NOT NULL,
  item integer NOT NULL,
  node text NOT NULL,
  name text NOT NULL
);
CREATE INDEX metric_by_run ON millrace.metric (run, id);

-- What nodes logged. `data` is JSON.
CREATE TABLE millrace.log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run bigint NOT NULL,
  at double precision NOT NULL,
  item integer NOT NULL,
  attempt integer NOT NULL,
  level text NOT NULL,
  message text NOT NULL,
  data text
);
CREATE INDEX log_by_run ON millrace.log (run, id);

-- Who did what to a run from outside.
CREATE TABLE millrace.audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at double precision NOT NULL,
  ns integer NOT NULL,
  item integer,
  run text COLLATE "C" NOT NULL,
  action text NOT NULL,
  actor text,
  detail text NOT NULL
);
CREATE INDEX audit_by_run ON millrace.audit (ns, run, id);

-- Lives of workers: what stays. The row is never changed, only locked. Lists are JSON.
CREATE TABLE millrace.session (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  lease_ms double precision NOT NULL,
  started_at double precision NOT NULL,
  pid bigint NOT NULL,
  ns integer NOT NULL,
  name text COLLATE "C" NOT NULL,
  worker text NOT NULL,
  queues text NOT NULL,
  labels text NOT NULL,
  definitions text NOT NULL,
  host text NOT NULL
);
CREATE UNIQUE INDEX session_by_name ON millrace.session (ns, name);
CREATE INDEX session_by_start ON millrace.session (ns, started_at, name);

-- What changes of a session, written anew with each of its requests: a row that were updated so often would grow a chain of
-- versions as long as anybody holds an old snapshot open. The one with the highest version counts, the others are gone in the same
-- step. The answer to the last request is kept to answer it again.
CREATE TABLE millrace.session_state (
  session bigint NOT NULL,
  version bigint NOT NULL,
  heartbeat_at double precision NOT NULL,
  until double precision NOT NULL,
  stopped_at double precision,
  last_request bigint NOT NULL,
  ns integer NOT NULL,
  swept boolean NOT NULL,
  health text NOT NULL,
  last_digest text NOT NULL,
  last_answer text NOT NULL,
  PRIMARY KEY (session, version)
) WITH (toast_tuple_target = 8160);
ALTER TABLE millrace.session_state ALTER COLUMN last_answer SET STORAGE EXTERNAL;
-- Sessions whose leases may still expire.
CREATE INDEX session_live ON millrace.session_state (ns, until) WHERE stopped_at IS NULL AND NOT swept;

-- Small records beside runs, such as waits, events and messages. `facts` is JSON. `run` is that of the run which the entry goes
-- away with.
CREATE TABLE millrace.entry (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run bigint,
  ns integer NOT NULL,
  kind text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  facts text NOT NULL,
  value bytea
);
CREATE UNIQUE INDEX entry_by_name ON millrace.entry (ns, kind, name);
CREATE INDEX entry_by_run ON millrace.entry (run) WHERE run IS NOT NULL;

-- Where entries lie in lists, each in the order of `at`, then name.
CREATE TABLE millrace.entry_place (
  entry bigint NOT NULL,
  at double precision NOT NULL,
  ns integer NOT NULL,
  list text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  PRIMARY KEY (ns, list, at, name)
);
CREATE INDEX entry_place_by_entry ON millrace.entry_place (entry);

-- Checkpoints of runs that live in one process and are to outlive it.
CREATE TABLE millrace.checkpoint (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  version bigint NOT NULL,
  saved_at double precision NOT NULL,
  bytes bigint NOT NULL,
  ns integer NOT NULL,
  status smallint NOT NULL,
  name text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX checkpoint_by_name ON millrace.checkpoint (ns, name);
-- For removing old ones, longest ago first.
CREATE INDEX checkpoint_by_age ON millrace.checkpoint (ns, saved_at, name);

-- Apart from what lists read. A body is its parts in order: what was saved as a whole, then what was added since.
CREATE TABLE millrace.checkpoint_body (
  checkpoint bigint NOT NULL,
  part bigint NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (checkpoint, part)
);
ALTER TABLE millrace.checkpoint_body ALTER COLUMN body SET STORAGE EXTERNAL;
