-- Webhooks, and the outbox of what they are still to be told.

CREATE TABLE webhooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    url TEXT NOT NULL,
    -- Names of events with a comma before and behind each: ,room.opened,match.finished,
    events TEXT NOT NULL,
    -- Key of the signatures. It must be readable, because every delivery is signed anew.
    key BLOB NOT NULL,
    -- Part of every webhook-id, so that the ids of another database never look like ours.
    salt TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE outbox_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook INTEGER NOT NULL,
    event INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    -- When it is tried next; none once it arrived or was given up.
    next_ms INTEGER,
    delivered INTEGER NOT NULL DEFAULT 0,
    status INTEGER,
    error TEXT
) STRICT;

CREATE INDEX deliveries_due ON deliveries (webhook, next_ms) WHERE next_ms IS NOT NULL;
CREATE INDEX deliveries_of_webhook ON deliveries (webhook, id);
CREATE INDEX deliveries_of_event ON deliveries (event);

-- Written to find out whether the disk still takes anything.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at_ms INTEGER NOT NULL
) STRICT;
