-- Purpose: checkpoints of runs that live in one process and are to outlive it.
-- Inputs:  a database of version 2.
-- Atomic:  applied in one transaction together with the schema's version; forward only.

CREATE TABLE checkpoint (
  id INTEGER PRIMARY KEY,
  ns INTEGER NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  status INTEGER NOT NULL,
  saved_at REAL NOT NULL,
  bytes INTEGER NOT NULL,
  UNIQUE (ns, name)
) STRICT;
-- For removing old ones, longest ago first.
CREATE INDEX checkpoint_by_age ON checkpoint (ns, saved_at, name);

-- Apart from what lists read. A body is its parts in order: what was saved as a whole, then what was added since.
CREATE TABLE checkpoint_body (
  id INTEGER PRIMARY KEY,
  checkpoint INTEGER NOT NULL,
  part INTEGER NOT NULL,
  body BLOB NOT NULL,
  UNIQUE (checkpoint, part)
) STRICT;
