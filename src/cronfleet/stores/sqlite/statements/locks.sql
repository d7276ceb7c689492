-- lock: the lock :name as it was granted last, if it was not given back.
SELECT * FROM lock WHERE name = :name;

-- put_lock: grant a lock or prolong it. :ttl_ms is a span, :expires_at an instant.
INSERT INTO lock VALUES (:name, :owner, :token, :ttl_ms, :expires_at)
ON CONFLICT (name) DO UPDATE SET
    owner = excluded.owner,
    token = excluded.token,
    ttl_ms = excluded.ttl_ms,
    expires_at = excluded.expires_at;

-- drop_lock: forget the lock :name.
DELETE FROM lock WHERE name = :name;

-- drop_locks_until: forget all locks that expire at :instant or before.
DELETE FROM lock WHERE expires_at <= :instant;

-- waiter: the place of :owner in the queue for the lock :name.
SELECT * FROM waiter WHERE name = :name AND owner = :owner;

-- put_waiter: take a place or keep it. :kept_until is an instant.
INSERT INTO waiter VALUES (:name, :owner, :place, :kept_until)
ON CONFLICT (name, owner) DO UPDATE SET place = excluded.place, kept_until = excluded.kept_until;

-- drop_waiter: forget the place of :owner in the queue for the lock :name.
DELETE FROM waiter WHERE name = :name AND owner = :owner;

-- drop_waiters_but: forget the places in the queue for the lock :name that are not kept until an
-- instant in :low < instant <= :high.
DELETE FROM waiter WHERE name = :name AND (kept_until <= :low OR kept_until > :high);

-- drop_waiters_until: forget all places that are kept until :instant or a time before.
DELETE FROM waiter WHERE kept_until <= :instant;

-- next_waiter: who is the next to have the lock :name.
SELECT * FROM waiter WHERE name = :name ORDER BY place LIMIT 1;

-- count_waiters: how many wait for the lock :name with a place below :below.
SELECT count(*) FROM waiter WHERE name = :name AND place < :below;
