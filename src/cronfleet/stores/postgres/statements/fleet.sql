-- hold_fleet: lock the fleet's row.
SELECT 1 FROM {schema}.fleet FOR NO KEY UPDATE;

-- put_fleet: replace what changes of the fleet's row. :greatest_ms is an instant.
UPDATE {schema}.fleet SET epoch = %(epoch)s, greatest_ms = %(greatest_ms)s;

-- put_server: another server than before, or the same begun anew, may have lost the last writes
-- before it: a new epoch begins.
UPDATE {schema}.fleet SET epoch = epoch + 1, server_started_at = %(server_started_at)s
WHERE server_started_at <> %(server_started_at)s;

-- follow_clock: let tokens go on from :token, unless they are near it or beyond. Near, so that
-- another transaction that takes tokens meanwhile cannot overtake this: it would need a million.
-- Sent with the fleet's row locked.
SELECT setval('{schema}.token', %(token)s) FROM {schema}.token
WHERE last_value < %(token)s - 1000000;

-- tokens: the next :count tokens. Not undone by a rollback.
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
