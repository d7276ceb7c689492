-- hold_lock: wait until every other transaction that has the lock :name in hand has ended. By its
-- name, since a lock that is free has no row; two names may fall together, and then take turns.
SELECT pg_advisory_xact_lock(hashtextextended('cronfleet {schema} lock ' || %(name)s::text, 0));

-- lock: the lock :name as it was granted last, if it was not given back.
SELECT * FROM {schema}.lock WHERE name = %(name)s;

-- waiters: the queue for the lock :name, the next one first.
SELECT * FROM {schema}.lock_waiter WHERE name = %(name)s ORDER BY place;

-- put_locks: grant locks or prolong them.
INSERT INTO {schema}.lock (name, owner, token, ttl_ms, expires_at)
SELECT name, owner, token, ttl_ms, expires_at
FROM jsonb_populate_recordset(NULL::{schema}.lock, %(rows)s)
ON CONFLICT (name) DO UPDATE SET
    owner = excluded.owner,
    token = excluded.token,
    ttl_ms = excluded.ttl_ms,
    expires_at = excluded.expires_at;

-- drop_locks: forget locks.
DELETE FROM {schema}.lock WHERE name = ANY(%(names)s::text[]);

-- drop_locks_until: forget all locks that expire at :instant or before. What somebody else has in
-- hand need not be waited for.
DELETE FROM {schema}.lock WHERE name IN (
    SELECT name FROM {schema}.lock WHERE expires_at <= %(instant)s FOR UPDATE SKIP LOCKED
);

-- put_waiters: take places or keep them.
INSERT INTO {schema}.lock_waiter (name, owner, place, kept_until)
SELECT name, owner, place, kept_until
FROM jsonb_populate_recordset(NULL::{schema}.lock_waiter, %(rows)s)
ON CONFLICT (name, owner) DO UPDATE SET
    place = excluded.place,
    kept_until = excluded.kept_until;

-- drop_waiters: forget places.
DELETE FROM {schema}.lock_waiter
USING jsonb_populate_recordset(NULL::{schema}.lock_waiter, %(rows)s) AS gone
WHERE lock_waiter.name = gone.name AND lock_waiter.owner = gone.owner;

-- drop_waiters_until: forget all places that are kept until :instant or a time before, but for
-- those that somebody else has in hand.
DELETE FROM {schema}.lock_waiter WHERE (name, owner) IN (
    SELECT name, owner FROM {schema}.lock_waiter
    WHERE kept_until <= %(instant)s FOR UPDATE SKIP LOCKED
);
