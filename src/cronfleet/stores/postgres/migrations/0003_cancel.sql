-- When a run's holder was asked to cancel it.
ALTER TABLE {schema}.run ADD COLUMN cancel_asked_at bigint;
CREATE INDEX run_to_cancel ON {schema}.run (session, job, fire_time, number)
    WHERE cancel_asked_at IS NOT NULL AND session IS NOT NULL;
