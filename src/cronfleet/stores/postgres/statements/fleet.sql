-- keep_fleet: the fleet's id does not change before this transaction has ended; all else may.
SELECT 1 FROM {schema}.fleet FOR KEY SHARE;

-- hold_fleet: lock the fleet's row, to change what is not its id.
SELECT 1 FROM {schema}.fleet FOR NO KEY UPDATE;

-- rename_fleet: lock the fleet's row, to change its id: whoever needs that to stay is waited for.
SELECT 1 FROM {schema}.fleet FOR UPDATE;

-- put_fleet: replace what changes of the fleet's row. :greatest_ms is an instant, :lived_ms a span.
UPDATE {schema}.fleet SET
    store_id = %(store_id)s,
    epoch = %(epoch)s,
    greatest_ms = %(greatest_ms)s,
    lived_ms = %(lived_ms)s,
    adopted = %(adopted)s;

-- put_server: another server than before, or the same begun anew, may have lost the last writes
-- before it: a new epoch begins.
UPDATE {schema}.fleet SET epoch = epoch + 1, server_started_at = %(server_started_at)s
WHERE server_started_at <> %(server_started_at)s;

-- mark: what follows lets go of its locks at back_to_mark, long before the commit.
SAVEPOINT mark;

-- back_to_mark: let go of the locks taken since the mark. A sequence stays as it was set.
ROLLBACK TO SAVEPOINT mark;

-- hold_token: wait until nobody else sets the sequence of tokens.
SELECT pg_advisory_xact_lock(hashtextextended('cronfleet {schema} token', 0));

-- follow_clock: let tokens go on from the store's time (:clock_ms in tests), unless they are
-- within 64 ms of it or beyond. Whoever finds them behind waits for the others who do, and looks
-- again: so nobody lowers them. Who did not find them behind could overtake this only by taking
-- 65536 tokens meanwhile. The time is read once; each look is made after what is inside it.
SELECT (
    SELECT setval('{schema}.token', held.token) FROM {schema}.token
    WHERE last_value < held.token - 65536
) FROM (
    SELECT
        wanted.token,
        pg_advisory_xact_lock(hashtextextended('cronfleet {schema} token', 0)) AS lock
    FROM (
        SELECT greatest(
            greatest_ms,
            coalesce(
                %(clock_ms)s::bigint,
                floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
            )
        ) * 1024 AS token
        FROM {schema}.fleet
        OFFSET 0
    ) AS wanted
    WHERE EXISTS (SELECT FROM {schema}.token WHERE last_value < wanted.token - 65536)
    OFFSET 0
) AS held;

-- lift_tokens: let tokens go on far above the store's time, :token, and above the last one: of
-- those that were given last, this server may know nothing. A million is what a second gives.
-- Sent with the sequence held; whoever takes tokens meanwhile would need a million.
SELECT setval('{schema}.token', greatest(last_value, %(token)s) + 1000000) FROM {schema}.token;

-- raise_token: let tokens go on above :token, unless they do. Far above, for the same reason.
SELECT setval('{schema}.token', %(token)s + 1000000) FROM {schema}.token
WHERE last_value < %(token)s;

-- tokens: the next :count tokens. Sent after follow_clock. Not undone by a rollback.
SELECT nextval('{schema}.token') AS token FROM generate_series(1, %(count)s);

-- note: the value that stands under :name.
SELECT value FROM {schema}.note WHERE name = %(name)s;

-- put_notes: set or replace values.
INSERT INTO {schema}.note (name, value)
SELECT name, value FROM jsonb_populate_recordset(NULL::{schema}.note, %(rows)s)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- session: the open session :id, not locked.
SELECT * FROM {schema}.session WHERE id = %(id)s;

-- keep_session: the open session :id, which does not end before this transaction. It may be
-- renewed meanwhile.
SELECT * FROM {schema}.session WHERE id = %(id)s FOR KEY SHARE;

-- change_session: the open session :id, locked; whoever only needs it to stand goes on.
SELECT * FROM {schema}.session WHERE id = %(id)s FOR NO KEY UPDATE;

-- end_session: the open session :id, when nobody needs it to stand any more.
SELECT * FROM {schema}.session WHERE id = %(id)s FOR UPDATE;

-- put_sessions: open sessions or replace them.
INSERT INTO {schema}.session (
    id, program, label, ttl_ms, tzdata, joined_at, expires_at, counter, manifest
)
SELECT id, program, label, ttl_ms, tzdata, joined_at, expires_at, counter, manifest
FROM jsonb_populate_recordset(NULL::{schema}.session, %(rows)s)
ON CONFLICT (id) DO UPDATE SET
    program = excluded.program,
    label = excluded.label,
    ttl_ms = excluded.ttl_ms,
    tzdata = excluded.tzdata,
    joined_at = excluded.joined_at,
    expires_at = excluded.expires_at,
    counter = excluded.counter,
    manifest = excluded.manifest;

-- drop_sessions: forget sessions.
DELETE FROM {schema}.session WHERE id = ANY(%(ids)s::text[]);

-- sessions: all open sessions, by id. There are few: one an instance.
SELECT * FROM {schema}.session ORDER BY id;

-- manifest: the digests that belong to :manifest.
SELECT digest FROM {schema}.manifest WHERE manifest = %(manifest)s;

-- put_manifest: :digests belong to :manifest.
INSERT INTO {schema}.manifest (manifest, digest)
SELECT %(manifest)s, digest FROM unnest(%(digests)s::text[]) AS digest
ON CONFLICT DO NOTHING;

-- drop_manifests_but: forget all manifests but these.
DELETE FROM {schema}.manifest WHERE manifest <> ALL(%(manifests)s::text[]);

-- answer: what the order with :key was answered, and when.
SELECT answer, answered_at FROM {schema}.answer WHERE "key" = %(key)s;

-- put_answers: remember orders' answers.
INSERT INTO {schema}.answer ("key", answer, answered_at)
SELECT "key", answer, answered_at
FROM jsonb_populate_recordset(NULL::{schema}.answer, %(rows)s)
ON CONFLICT ("key") DO UPDATE
SET answer = excluded.answer, answered_at = excluded.answered_at;

-- drop_answers_before: forget what was answered before the instant :before. What somebody else
-- is about to forget need not be waited for.
DELETE FROM {schema}.answer WHERE "key" IN (
    SELECT "key" FROM {schema}.answer WHERE answered_at < %(before)s FOR UPDATE SKIP LOCKED
);

-- audit: what operators did, the newest first.
SELECT at, verb, job, who, why FROM {schema}.audit
ORDER BY number DESC LIMIT %(limit)s OFFSET %(skip)s;

-- put_audit: add records.
INSERT INTO {schema}.audit (at, verb, job, who, why)
SELECT at, verb, job, who, why FROM jsonb_populate_recordset(NULL::{schema}.audit, %(rows)s);

-- drop_audit_beyond: forget all but the newest :keep, unless somebody else is about to.
DELETE FROM {schema}.audit WHERE number IN (
    SELECT number FROM {schema}.audit WHERE number <= (
        SELECT number FROM {schema}.audit ORDER BY number DESC LIMIT 1 OFFSET %(keep)s
    )
    FOR UPDATE SKIP LOCKED
);
