-- A tick of a job with shards is a run that counts them (`tally`: how many ended with each outcome),
-- and its shards are runs whose number is in `shard`; -1 is a run that is no shard.
ALTER TABLE {schema}.job ADD COLUMN shards bigint NOT NULL DEFAULT 1;
ALTER TABLE {schema}.run
    ADD COLUMN shard bigint NOT NULL DEFAULT -1,
    ADD COLUMN shards bigint NOT NULL DEFAULT 1,
    ADD COLUMN tally text;

DROP INDEX {schema}.run_made;
CREATE INDEX run_made ON {schema}.run (job, created_at, fire_time, number, shard);
DROP INDEX {schema}.run_held;
CREATE INDEX run_held ON {schema}.run (session, job, fire_time, number, shard)
    WHERE session IS NOT NULL;
DROP INDEX {schema}.run_to_cancel;
CREATE INDEX run_to_cancel ON {schema}.run (session, job, fire_time, number, shard)
    WHERE cancel_asked_at IS NOT NULL AND session IS NOT NULL;
-- History keeps or forgets a tick as a whole.
DROP INDEX {schema}.run_ended;
CREATE INDEX run_ended
    ON {schema}.run (job, (state IN ('succeeded', 'skipped')), ended_at, fire_time, number)
    WHERE ended_at IS NOT NULL AND shard = -1;
