-- runs_seen: the runs of these ids, not locked.
SELECT * FROM {schema}.run WHERE id = ANY(%(ids)s::text[]);

-- hold_runs: the runs of these ids, locked in the order of their ids.
SELECT * FROM {schema}.run WHERE id = ANY(%(ids)s::text[]) ORDER BY id FOR UPDATE;

-- hold_free_runs: the runs of these ids: locked, if nobody else has them in hand.
WITH free AS (
    SELECT * FROM {schema}.run
    WHERE id = ANY(%(ids)s::text[]) ORDER BY id FOR UPDATE SKIP LOCKED
)
SELECT free.*, true AS is_free FROM free
UNION ALL
SELECT run.*, false FROM {schema}.run
WHERE id = ANY(%(ids)s::text[]) AND id NOT IN (SELECT id FROM free);

-- survey: all runs of :job, not locked.
SELECT * FROM {schema}.run WHERE job = %(job)s;

-- hold_survey: all runs of :job, locked in the order of their ids.
SELECT * FROM {schema}.run WHERE job = %(job)s ORDER BY id FOR UPDATE;

-- misplaced_runs: runs of :job under another program than its own.
SELECT run.job, run.fire_time, run.number, run.shard
FROM {schema}.run JOIN {schema}.job ON job.name = run.job
WHERE run.job = %(job)s AND run.program <> job.program
ORDER BY run.created_at, run.fire_time, run.number, run.shard;

-- put_in_place: put each run of :job under its job's program.
UPDATE {schema}.run SET program = job.program FROM {schema}.job
WHERE run.job = %(job)s AND job.name = run.job AND run.program <> job.program;

-- put_runs: create runs or replace what changes of them.
INSERT INTO {schema}.run (
    id, job, fire_time, number, program, kind, state, attempt, token, on_lost, losses,
    created_at, not_before, session, instance, start_id, claimed_at, started_at, ended_at,
    outcome, late_outcome, error, wanted_until, reason, cancel_asked_at, shard, shards, tally
)
SELECT
    put.id, put.job, put.fire_time, put.number, job.program, put.kind, put.state, put.attempt,
    put.token, put.on_lost, put.losses, put.created_at, put.not_before, put.session,
    put.instance, put.start_id, put.claimed_at, put.started_at, put.ended_at, put.outcome,
    put.late_outcome, put.error, put.wanted_until, put.reason, put.cancel_asked_at, put.shard,
    put.shards, put.tally
FROM jsonb_populate_recordset(NULL::{schema}.run, %(rows)s) AS put
JOIN {schema}.job ON job.name = put.job
ON CONFLICT (id) DO UPDATE SET
    state = excluded.state,
    attempt = excluded.attempt,
    token = excluded.token,
    on_lost = excluded.on_lost,
    losses = excluded.losses,
    not_before = excluded.not_before,
    session = excluded.session,
    instance = excluded.instance,
    start_id = excluded.start_id,
    claimed_at = excluded.claimed_at,
    started_at = excluded.started_at,
    ended_at = excluded.ended_at,
    outcome = excluded.outcome,
    late_outcome = excluded.late_outcome,
    error = excluded.error,
    wanted_until = excluded.wanted_until,
    reason = excluded.reason,
    cancel_asked_at = excluded.cancel_asked_at,
    tally = excluded.tally;

-- drop_runs: forget runs.
DELETE FROM {schema}.run WHERE id = ANY(%(ids)s::text[]);

-- runs: runs of :job, the newest made first; of one instant, the greatest id first.
SELECT * FROM {schema}.run WHERE job = %(job)s
ORDER BY created_at DESC, fire_time DESC, number DESC, shard DESC
LIMIT %(limit)s OFFSET %(skip)s;

-- runs_pending: pending runs of :program that may run by the instant :until, the longest ready
-- first.
SELECT * FROM {schema}.run
WHERE program = %(program)s AND state = 'pending' AND not_before <= %(until)s
ORDER BY not_before, id
LIMIT %(limit)s OFFSET %(skip)s;

-- waiting: of each of these jobs the :most waiting runs that were made first. They change only
-- under their job's lock.
SELECT run.* FROM unnest(%(jobs)s::text[]) AS named (job) CROSS JOIN LATERAL (
    SELECT * FROM {schema}.run WHERE run.job = named.job AND state = 'waiting'
    ORDER BY created_at, fire_time, number
    LIMIT %(most)s
) AS run;

-- ticks_waiting: the waiting runs of each of these jobs that are ticks, the oldest first. They
-- change only under their job's lock.
SELECT * FROM {schema}.run WHERE job = ANY(%(jobs)s::text[]) AND state = 'waiting' AND number = 0
ORDER BY created_at, fire_time;

-- count_waiting: how many runs of each of these jobs wait; none of those without a row.
SELECT job, count(*) AS count FROM {schema}.run
WHERE job = ANY(%(jobs)s::text[]) AND state = 'waiting' GROUP BY job;

-- runs_held: the runs that :session holds, by id.
SELECT * FROM {schema}.run WHERE session = %(session)s ORDER BY job, fire_time, number, shard;

-- count_held: how many runs each of these sessions holds.
SELECT session, count(*) AS count FROM {schema}.run
WHERE session = ANY(%(sessions)s::text[]) GROUP BY session;

-- runs_to_cancel: the runs that :session holds and was asked to cancel, by id.
SELECT * FROM {schema}.run WHERE session = %(session)s AND cancel_asked_at IS NOT NULL
ORDER BY job, fire_time, number, shard;

-- runs_orphaned: at most :limit runs that are held by sessions without a row, not locked. It leaps
-- from holder to holder, so that the runs of the living are not looked at.
WITH RECURSIVE holder (session) AS (
    (SELECT session FROM {schema}.run WHERE session IS NOT NULL ORDER BY session LIMIT 1)
    UNION ALL
    SELECT (
        SELECT run.session FROM {schema}.run
        WHERE run.session > holder.session ORDER BY run.session LIMIT 1
    )
    FROM holder WHERE holder.session IS NOT NULL
)
SELECT run.* FROM holder JOIN {schema}.run ON run.session = holder.session
WHERE NOT EXISTS (SELECT 1 FROM {schema}.session WHERE session.id = holder.session)
ORDER BY run.job, run.fire_time, run.number, run.shard
LIMIT %(limit)s;

-- runs_beyond: at most :limit ended runs of :job, no shards, past the newest :keep, or ended before the
-- instant :before. :succeeded picks succeeded and skipped runs, else all others.
SELECT job, fire_time, number, shard, shards FROM (
    (
        SELECT job, fire_time, number, shard, shards FROM {schema}.run
        WHERE job = %(job)s AND (state IN ('succeeded', 'skipped')) = %(succeeded)s
            AND ended_at IS NOT NULL AND shard = -1
        ORDER BY ended_at DESC, fire_time DESC, number DESC
        LIMIT %(limit)s OFFSET %(keep)s
    )
    UNION
    (
        SELECT job, fire_time, number, shard, shards FROM {schema}.run
        WHERE job = %(job)s AND (state IN ('succeeded', 'skipped')) = %(succeeded)s
            AND ended_at < %(before)s AND shard = -1
        ORDER BY ended_at
        LIMIT %(limit)s
    )
) AS beyond
LIMIT %(limit)s;
