-- definition: the JSON that :digest stands for.
SELECT json FROM definition WHERE digest = :digest;

-- put_definition: store a definition once.
INSERT OR IGNORE INTO definition VALUES (:digest, :json);

-- put_superseded: :digest of :job, which has this :edition, is superseded now.
INSERT INTO superseded (job, digest, edition) VALUES (:job, :digest, :edition);

-- edition: that of :digest, which is superseded, of :job.
SELECT edition FROM superseded WHERE job = :job AND digest = :digest;

-- drop_superseded: :digest of :job is superseded no more.
DELETE FROM superseded WHERE job = :job AND digest = :digest;

-- superseded_beyond: what of :job was superseded before the newest :keep; those of edition 0 are
-- counted by themselves.
SELECT digest FROM (
    SELECT digest, row_number() OVER (PARTITION BY edition = 0 ORDER BY number DESC) AS place
    FROM superseded WHERE job = :job
)
WHERE place > :keep;

-- drop_definition: forget the definition :digest.
DELETE FROM definition WHERE digest = :digest;

-- job: the job :name.
SELECT * FROM job WHERE name = :name;

-- put_job: create or replace a job, whose program never changes. :expected_fire_time,
-- :expected_due and :watermark are instants.
INSERT INTO job VALUES (
    :name, :program, :digest, :schedule_digest, :limit, :on_lost, :generation,
    :expected_fire_time, :expected_due, :watermark, :active,
    :paused, :paused_reason, :paused_by, :paused_why, :since, :shards,
    :handler, :edition, :removed, :undeclared_since, :paused_until
)
ON CONFLICT (name) DO UPDATE SET
    digest = excluded.digest,
    schedule_digest = excluded.schedule_digest,
    "limit" = excluded."limit",
    on_lost = excluded.on_lost,
    generation = excluded.generation,
    expected_fire_time = excluded.expected_fire_time,
    expected_due = excluded.expected_due,
    watermark = excluded.watermark,
    since = excluded.since,
    active = excluded.active,
    paused = excluded.paused,
    paused_reason = excluded.paused_reason,
    paused_by = excluded.paused_by,
    paused_why = excluded.paused_why,
    shards = excluded.shards,
    handler = excluded.handler,
    edition = excluded.edition,
    removed = excluded.removed,
    undeclared_since = excluded.undeclared_since,
    paused_until = excluded.paused_until;

-- jobs: at most :limit jobs with names above :after, by name.
SELECT * FROM job WHERE name > :after ORDER BY name LIMIT :limit;

-- jobs_due: jobs of :program, not paused, due in :low < due <= :high (instants), soonest first.
SELECT * FROM job
WHERE program = :program AND paused = 0 AND expected_due > :low AND expected_due <= :high
ORDER BY expected_due, name
LIMIT :limit OFFSET :skip;

-- next_due: the earliest instant above :after at which a tick is due, a pending run is ready or a
-- pause ends; NULL if there is none.
SELECT min(instant) FROM (
    SELECT min(expected_due) AS instant FROM job
    WHERE program = :program AND paused = 0 AND expected_due > :after
    UNION ALL
    SELECT min(not_before) FROM run
    WHERE program = :program AND state = 'pending' AND not_before > :after
    UNION ALL
    SELECT min(paused_until) FROM job
    WHERE program = :program AND paused_until > :after AND paused = 1 AND removed = 0
);

-- jobs_resuming: names of jobs of :program whose pause ends up to :until, the earliest first.
SELECT name FROM job
WHERE program = :program AND paused_until <= :until AND paused = 1 AND removed = 0
ORDER BY paused_until, name
LIMIT :limit;

-- backfills: what was back-filled of :job, the newest first.
SELECT first, last, ordered_at FROM backfill WHERE job = :job ORDER BY number DESC;

-- put_backfill: add one. :first, :last and :ordered_at are instants.
INSERT INTO backfill (job, first, last, ordered_at) VALUES (:job, :first, :last, :ordered_at);

-- drop_backfills_beyond: forget all of :job but the newest :keep.
DELETE FROM backfill WHERE job = :job AND number <= (
    SELECT number FROM backfill WHERE job = :job ORDER BY number DESC LIMIT 1 OFFSET :keep
);

-- gaps: gaps of :job, the last fire time first; of one, the one that began last.
SELECT * FROM gap WHERE job = :job ORDER BY "last" DESC, "first" DESC LIMIT :limit OFFSET :skip;

-- put_gap: add a gap, or replace the one that begins with the same fire time. :first, :last
-- and :recorded_at are instants.
INSERT INTO gap VALUES (:job, :first, :last, :count, :reason, :generation, :recorded_at)
ON CONFLICT (job, "first") DO UPDATE SET
    "last" = excluded."last",
    count = excluded.count,
    reason = excluded.reason,
    generation = excluded.generation,
    recorded_at = excluded.recorded_at;

-- drop_gaps_beyond: forget all gaps of :job but the last :keep.
DELETE FROM gap
WHERE job = :job AND "last" <= (
    SELECT "last" FROM gap WHERE job = :job ORDER BY "last" DESC LIMIT 1 OFFSET :keep
);
