-- fleet: the one row of the fleet.
SELECT store_id, epoch, greatest_ms, last_token, lived_ms, adopted FROM fleet;

-- put_fleet: replace the fleet's row. :greatest_ms is an instant, :lived_ms a span.
UPDATE fleet SET
    store_id = :store_id,
    epoch = :epoch,
    greatest_ms = :greatest_ms,
    last_token = :last_token,
    lived_ms = :lived_ms,
    adopted = :adopted;

-- note: the value that stands under :name.
SELECT value FROM note WHERE name = :name;

-- put_note: set or replace the value under :name.
INSERT INTO note VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- session: the open session :id.
SELECT * FROM session WHERE id = :id;

-- put_session: open a session or replace it. :ttl_ms is a span, :joined_at and :expires_at
-- are instants.
INSERT INTO session VALUES (
    :id, :program, :label, :ttl_ms, :tzdata, :joined_at, :expires_at, :counter, :manifest
)
ON CONFLICT (id) DO UPDATE SET
    program = excluded.program,
    label = excluded.label,
    ttl_ms = excluded.ttl_ms,
    tzdata = excluded.tzdata,
    joined_at = excluded.joined_at,
    expires_at = excluded.expires_at,
    counter = excluded.counter,
    manifest = excluded.manifest;

-- drop_session: forget the session :id.
DELETE FROM session WHERE id = :id;

-- sessions: all open sessions, by id. There are few: one an instance.
SELECT * FROM session ORDER BY id;

-- put_in_manifest: :digest belongs to :manifest.
INSERT OR IGNORE INTO manifest VALUES (:manifest, :digest);

-- in_manifest: a row if :digest belongs to :manifest.
SELECT 1 FROM manifest WHERE manifest = :manifest AND digest = :digest;

-- next_manifest: the first manifest above :manifest; its digests are leapt over.
SELECT manifest FROM manifest WHERE manifest > :manifest ORDER BY manifest LIMIT 1;

-- drop_manifest: forget :manifest.
DELETE FROM manifest WHERE manifest = :manifest;

-- answer: what the order with :key was answered.
SELECT answer FROM answer WHERE "key" = :key;

-- put_answer: remember an order's answer. :answered_at is an instant.
INSERT INTO answer VALUES (:key, :answer, :answered_at)
ON CONFLICT ("key") DO UPDATE SET answer = excluded.answer, answered_at = excluded.answered_at;

-- drop_answers_before: forget what was answered before the instant :before.
DELETE FROM answer WHERE answered_at < :before;

-- audit: what operators did, the newest first.
SELECT at, verb, job, who, why FROM audit ORDER BY number DESC LIMIT :limit OFFSET :skip;

-- put_audit: add a record. :at is an instant.
INSERT INTO audit (at, verb, job, who, why) VALUES (:at, :verb, :job, :who, :why);

-- drop_audit_beyond: forget all but the newest :keep.
DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - :keep;
