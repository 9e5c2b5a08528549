-- Purpose: what parks items, reaches them from outside, starts runs by time and undoes what was done: waits, buffered
--          events, messages between runs, schedules, compensations.
-- Inputs:  a database of version 1.
-- Atomic:  applied in one transaction together with the schema's version; forward only.
--
-- None of these tables is touched by a commit that does not wait, send, schedule or compensate.

-- Parked items. A wait has an address of its own; an event, an input, a tool's result, a child's end or a time ends it, once.
-- `filter` is JSON: path equals value. `payload` is what it was completed with.
CREATE TABLE wait (
  id INTEGER PRIMARY KEY,
  ns INTEGER NOT NULL,
  name TEXT NOT NULL,
  run INTEGER NOT NULL,
  item INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  event TEXT,
  event_key TEXT,
  filter TEXT,
  deadline_at REAL,
  created_at REAL NOT NULL,
  completed_at REAL,
  payload BLOB,
  UNIQUE (ns, name)
) STRICT;
CREATE INDEX wait_by_run ON wait (run, item);
-- The hub of an event: who waits for it, longest first.
CREATE INDEX wait_by_event ON wait (ns, event, event_key, id) WHERE completed_at IS NULL AND event IS NOT NULL;
CREATE INDEX wait_by_deadline ON wait (ns, deadline_at) WHERE completed_at IS NULL AND deadline_at IS NOT NULL;

-- Events that nobody waited for yet, taken once by the first match. The sender's id tells one that is sent again.
CREATE TABLE event_buffer (
  id INTEGER PRIMARY KEY,
  ns INTEGER NOT NULL,
  event TEXT NOT NULL,
  event_key TEXT NOT NULL,
  event_id TEXT,
  at REAL NOT NULL,
  payload BLOB NOT NULL
) STRICT;
CREATE INDEX event_buffer_by_event ON event_buffer (ns, event, event_key, id);
CREATE UNIQUE INDEX event_buffer_by_id ON event_buffer (ns, event, event_key, event_id) WHERE event_id IS NOT NULL;

-- Messages to other runs, written in the commit that sends them, delivered by any worker, removed once delivered.
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY,
  ns INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  run INTEGER,
  target TEXT NOT NULL,
  message_key TEXT NOT NULL,
  due_at REAL NOT NULL,
  body BLOB NOT NULL,
  UNIQUE (ns, message_key)
) STRICT;
CREATE INDEX outbox_by_due ON outbox (ns, due_at, id);

-- What starts runs by time. `start` is JSON: what to start.
CREATE TABLE schedule (
  id INTEGER PRIMARY KEY,
  ns INTEGER NOT NULL,
  name TEXT NOT NULL,
  timing TEXT NOT NULL,
  start TEXT NOT NULL,
  paused INTEGER NOT NULL,
  next_at REAL,
  last_at REAL,
  UNIQUE (ns, name)
) STRICT;
CREATE INDEX schedule_by_next ON schedule (ns, next_at) WHERE paused = 0 AND next_at IS NOT NULL;

-- Items whose effects can be undone, in the order in which they were committed; one that had only started has no commit.
CREATE TABLE compensation (
  run INTEGER NOT NULL,
  item INTEGER NOT NULL,
  commit_number INTEGER,
  status INTEGER NOT NULL,
  output BLOB,
  PRIMARY KEY (run, item)
) STRICT;
