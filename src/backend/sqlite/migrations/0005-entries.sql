-- Purpose: small records beside runs, such as waits, events and messages, which are found by key or in order.
-- Inputs:  a database of version 4.
-- Atomic:  applied in one transaction together with the schema's version; forward only.

-- `facts` is JSON. `run` is the number of the run that the entry goes away with.
CREATE TABLE entry (
  id INTEGER PRIMARY KEY,
  ns INTEGER NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  run INTEGER,
  facts TEXT NOT NULL,
  value BLOB,
  UNIQUE (ns, kind, name)
) STRICT;
CREATE INDEX entry_by_run ON entry (run) WHERE run IS NOT NULL;

-- Where entries lie in lists, each in the order of `at`, then name.
CREATE TABLE entry_place (
  ns INTEGER NOT NULL,
  list TEXT NOT NULL,
  at REAL NOT NULL,
  name TEXT NOT NULL,
  entry INTEGER NOT NULL,
  PRIMARY KEY (ns, list, at, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX entry_place_by_entry ON entry_place (entry);

-- Runs that hear of this one's end: 1 for a parent, 2 for children, or their sum.
ALTER TABLE run ADD COLUMN links INTEGER NOT NULL DEFAULT 0;
