-- definitions: the JSON that each of :digests stands for.
SELECT digest, json FROM {schema}.definition WHERE digest = ANY(%(digests)s::text[]);

-- put_definitions: store each definition once.
INSERT INTO {schema}.definition (digest, json)
SELECT digest, json FROM jsonb_populate_recordset(NULL::{schema}.definition, %(rows)s)
ORDER BY digest
ON CONFLICT DO NOTHING;

-- drop_superseded: these definitions of these jobs are superseded no more.
DELETE FROM {schema}.superseded
USING jsonb_populate_recordset(NULL::{schema}.superseded, %(rows)s) AS told
WHERE superseded.job = told.job AND superseded.digest = told.digest;

-- put_superseded: these definitions of these jobs are superseded now.
INSERT INTO {schema}.superseded (job, digest, edition)
SELECT job, digest, edition FROM jsonb_populate_recordset(NULL::{schema}.superseded, %(rows)s);

-- editions: the editions of those of :digests that are superseded, of :jobs.
SELECT digest, edition FROM {schema}.superseded
WHERE job = ANY(%(jobs)s::text[]) AND digest = ANY(%(digests)s::text[]);

-- drop_superseded_beyond: forget the definitions of these jobs that were superseded before the
-- last :keep; those of edition 0 are counted by themselves.
WITH gone AS (
    DELETE FROM {schema}.superseded WHERE number IN (
        SELECT number FROM (
            SELECT number,
                row_number() OVER (PARTITION BY job, edition = 0 ORDER BY number DESC) AS place
            FROM {schema}.superseded WHERE job = ANY(%(jobs)s::text[])
        ) AS placed
        WHERE place > %(keep)s
    )
    RETURNING digest
)
DELETE FROM {schema}.definition USING gone WHERE definition.digest = gone.digest;

-- jobs_seen: the jobs of these names, not locked.
SELECT * FROM {schema}.job WHERE name = ANY(%(names)s::text[]);

-- hold_jobs: the jobs of these names, locked in the order of their names.
SELECT * FROM {schema}.job WHERE name = ANY(%(names)s::text[]) ORDER BY name FOR UPDATE;

-- hold_free_jobs: those of the jobs of these names that nobody else has in hand, locked.
SELECT * FROM {schema}.job
WHERE name = ANY(%(names)s::text[]) ORDER BY name FOR UPDATE SKIP LOCKED;

-- put_jobs: create or replace jobs, whose programs never change.
INSERT INTO {schema}.job (
    name, program, digest, schedule_digest, "limit", on_lost, generation,
    expected_fire_time, expected_due, watermark, active,
    paused, paused_reason, paused_by, paused_why, since, shards,
    handler, edition, removed, undeclared_since, paused_until
)
SELECT
    name, program, digest, schedule_digest, "limit", on_lost, generation,
    expected_fire_time, expected_due, watermark, active,
    paused, paused_reason, paused_by, paused_why, since, shards,
    handler, edition, removed, undeclared_since, paused_until
FROM jsonb_populate_recordset(NULL::{schema}.job, %(rows)s)
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
SELECT * FROM {schema}.job WHERE name > %(after)s ORDER BY name LIMIT %(limit)s;

-- jobs_due: jobs of :program, not paused, due in :low < due <= :high (instants), soonest first.
SELECT * FROM {schema}.job
WHERE program = %(program)s AND NOT paused
    AND expected_due > %(low)s AND expected_due <= %(high)s
ORDER BY expected_due, name
LIMIT %(limit)s OFFSET %(skip)s;

-- next_due: the earliest instant above :after at which a tick is due, a pending run is ready or a
-- pause ends; NULL if there is none.
SELECT least(
    (
        SELECT expected_due FROM {schema}.job
        WHERE program = %(program)s AND NOT paused AND expected_due > %(after)s
        ORDER BY expected_due LIMIT 1
    ),
    (
        SELECT not_before FROM {schema}.run
        WHERE program = %(program)s AND state = 'pending' AND not_before > %(after)s
        ORDER BY not_before LIMIT 1
    ),
    (
        SELECT paused_until FROM {schema}.job
        WHERE program = %(program)s AND paused_until > %(after)s AND paused AND NOT removed
        ORDER BY paused_until LIMIT 1
    )
) AS instant;

-- jobs_resuming: names of jobs of :program whose pause ends up to :until, the earliest first.
SELECT name FROM {schema}.job
WHERE program = %(program)s AND paused_until <= %(until)s AND paused AND NOT removed
ORDER BY paused_until, name
LIMIT %(limit)s;

-- backfills: what was back-filled of :job, the newest first.
SELECT "first", "last", ordered_at FROM {schema}.backfill WHERE job = %(job)s ORDER BY number DESC;

-- put_backfill: add one. :first, :last and :ordered_at are instants.
INSERT INTO {schema}.backfill (job, "first", "last", ordered_at)
VALUES (%(job)s, %(first)s, %(last)s, %(ordered_at)s);

-- drop_backfills_beyond: forget all of :job but the newest :keep.
DELETE FROM {schema}.backfill WHERE job = %(job)s AND number <= (
    SELECT number FROM {schema}.backfill WHERE job = %(job)s
    ORDER BY number DESC LIMIT 1 OFFSET %(keep)s
);

-- gaps: gaps of :job, the last fire time first; of one, the one that began last.
SELECT * FROM {schema}.gap WHERE job = %(job)s
ORDER BY "last" DESC, "first" DESC LIMIT %(limit)s OFFSET %(skip)s;

-- newest_gaps: the gap with the last fire time of each of these jobs.
SELECT gap.* FROM unnest(%(jobs)s::text[]) AS named (job) CROSS JOIN LATERAL (
    SELECT * FROM {schema}.gap WHERE gap.job = named.job ORDER BY "last" DESC, "first" DESC LIMIT 1
) AS gap;

-- put_gaps: add gaps, or replace those that begin with the same fire time.
INSERT INTO {schema}.gap (job, "first", "last", count, reason, generation, recorded_at)
SELECT job, "first", "last", count, reason, generation, recorded_at
FROM jsonb_populate_recordset(NULL::{schema}.gap, %(rows)s)
ON CONFLICT (job, "first") DO UPDATE SET
    "last" = excluded."last",
    count = excluded.count,
    reason = excluded.reason,
    generation = excluded.generation,
    recorded_at = excluded.recorded_at;

-- drop_gaps_beyond: forget all gaps of these jobs but the last :keep of each.
DELETE FROM {schema}.gap WHERE job = ANY(%(jobs)s::text[]) AND "last" <= (
    SELECT "last" FROM {schema}.gap AS kept WHERE kept.job = gap.job
    ORDER BY "last" DESC LIMIT 1 OFFSET %(keep)s
);
