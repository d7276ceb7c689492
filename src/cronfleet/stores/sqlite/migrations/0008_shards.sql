-- A tick of a job with shards is a run that counts them (`tally`: how many ended with each outcome),
-- and its shards are runs whose number is in `shard`; -1 is a run that is no shard.
ALTER TABLE job ADD COLUMN shards INTEGER NOT NULL DEFAULT 1;
ALTER TABLE run ADD COLUMN shard INTEGER NOT NULL DEFAULT -1;
ALTER TABLE run ADD COLUMN shards INTEGER NOT NULL DEFAULT 1;
ALTER TABLE run ADD COLUMN tally TEXT;

DROP INDEX run_made;
CREATE INDEX run_made ON run (job, created_at, fire_time, number, shard);
DROP INDEX run_held;
CREATE INDEX run_held ON run (session, job, fire_time, number, shard) WHERE session IS NOT NULL;
DROP INDEX run_to_cancel;
CREATE INDEX run_to_cancel ON run (session, job, fire_time, number, shard)
    WHERE cancel_asked_at IS NOT NULL AND session IS NOT NULL;
-- History keeps or forgets a tick as a whole.
DROP INDEX run_ended;
CREATE INDEX run_ended
    ON run (job, state IN ('succeeded', 'skipped'), ended_at, fire_time, number)
    WHERE ended_at IS NOT NULL AND shard = -1;
