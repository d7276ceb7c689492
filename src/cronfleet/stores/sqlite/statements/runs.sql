-- run: the run :id.
SELECT * FROM run WHERE id = :id;

-- put_run: create a run or replace what changes of it. :created_at, :not_before, :claimed_at,
-- :started_at, :ended_at, :wanted_until and :cancel_asked_at are instants.
INSERT INTO run VALUES (
    :id, :job, :fire_time, :number, (SELECT program FROM job WHERE name = :job), :kind, :state,
    :attempt, :token, :on_lost, :losses, :created_at, :not_before, :session, :instance,
    :start_id, :claimed_at, :started_at, :ended_at, :outcome, :late_outcome, :error,
    :wanted_until, :reason, :cancel_asked_at, :shard, :shards, :tally
)
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

-- drop_run: forget the run :id.
DELETE FROM run WHERE id = :id;

-- runs: runs of :job, the newest made first; of one instant, the greatest id first.
SELECT * FROM run WHERE job = :job
ORDER BY created_at DESC, fire_time DESC, number DESC, shard DESC
LIMIT :limit OFFSET :skip;

-- runs_pending: pending runs of :program that may run by the instant :until, the longest ready
-- first.
SELECT * FROM run
WHERE program = :program AND state = 'pending' AND not_before <= :until
ORDER BY not_before, id
LIMIT :limit OFFSET :skip;

-- shards_of: the shards of the tick :id, whose ids are its own and a number behind a slash, which
-- is the character before 0.
SELECT * FROM run WHERE id > :id || '/' AND id < :id || '0' ORDER BY shard;

-- oldest_waiting: the waiting run of :job that was made first.
SELECT * FROM run WHERE job = :job AND state = 'waiting'
ORDER BY created_at, fire_time, number
LIMIT 1;

-- ticks_waiting: the waiting runs of :job that are ticks, the oldest first.
SELECT * FROM run WHERE job = :job AND state = 'waiting' AND number = 0
ORDER BY created_at, fire_time;

-- count_waiting: how many runs of :job wait.
SELECT count(*) FROM run WHERE job = :job AND state = 'waiting';

-- runs_held: the runs that :session holds, by id.
SELECT * FROM run WHERE session = :session ORDER BY job, fire_time, number, shard;

-- count_held: how many runs :session holds.
SELECT count(*) FROM run WHERE session = :session;

-- runs_to_cancel: the runs that :session holds and was asked to cancel, by id.
SELECT * FROM run WHERE session = :session AND cancel_asked_at IS NOT NULL
ORDER BY job, fire_time, number, shard;

-- runs_orphaned: at most :limit runs that are held by sessions without a row. It leaps from
-- holder to holder, so that the runs of the living are not looked at.
WITH RECURSIVE holder (session) AS (
    SELECT min(session) FROM run WHERE session IS NOT NULL
    UNION ALL
    SELECT (SELECT min(run.session) FROM run WHERE run.session > holder.session)
    FROM holder WHERE holder.session IS NOT NULL
)
SELECT run.* FROM holder CROSS JOIN run ON run.session = holder.session
WHERE NOT EXISTS (SELECT 1 FROM session WHERE session.id = holder.session)
ORDER BY run.job, run.fire_time, run.number, run.shard
LIMIT :limit;

-- runs_beyond: at most :limit ended runs of :job, no shards, past the newest :keep, or ended before the
-- instant :before. :succeeded is 1 for succeeded and skipped runs, 0 for all others.
SELECT job, fire_time, number, shard, shards FROM (
    SELECT job, fire_time, number, shard, shards FROM run
    WHERE job = :job AND (state IN ('succeeded', 'skipped')) = :succeeded
        AND ended_at IS NOT NULL AND shard = -1
    ORDER BY ended_at DESC, fire_time DESC, number DESC
    LIMIT :limit OFFSET :keep
)
UNION
SELECT job, fire_time, number, shard, shards FROM (
    SELECT job, fire_time, number, shard, shards FROM run
    WHERE job = :job AND (state IN ('succeeded', 'skipped')) = :succeeded
        AND ended_at < :before AND shard = -1
    ORDER BY ended_at
    LIMIT :limit
)
LIMIT :limit;

-- misplaced_runs: runs of :job under another program than its own.
SELECT job, fire_time, number, shard FROM run
WHERE job = :job AND program <> (SELECT program FROM job WHERE name = :job)
ORDER BY created_at, fire_time, number, shard;

-- put_in_place: put each run of :job under its job's program.
UPDATE run SET program = (SELECT program FROM job WHERE name = :job) WHERE job = :job;
