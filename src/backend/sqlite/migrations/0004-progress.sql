-- Purpose: what running attempts say of how far they are.
-- Inputs:  a database of version 3.
-- Atomic:  applied in one transaction together with the schema's version; forward only.

-- The latest of each item. `epoch` is the claim that said it.
CREATE TABLE progress (
  run INTEGER NOT NULL,
  item INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  at REAL NOT NULL,
  details BLOB NOT NULL,
  PRIMARY KEY (run, item)
) STRICT;
