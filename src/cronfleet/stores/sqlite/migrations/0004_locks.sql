-- Locks for users. A lock given back has no row; one that was not is forgotten a day later.
CREATE TABLE lock (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    token INTEGER NOT NULL,
    ttl_ms INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX lock_expires ON lock (expires_at);

-- Who waits for a lock: the lowest place is the next. A waiter that falls silent loses its row.
CREATE TABLE waiter (
    name TEXT NOT NULL,
    owner TEXT NOT NULL,
    place INTEGER NOT NULL,
    kept_until INTEGER NOT NULL,
    PRIMARY KEY (name, owner)
) WITHOUT ROWID;
CREATE INDEX waiter_place ON waiter (name, place);
CREATE INDEX waiter_kept ON waiter (kept_until);
