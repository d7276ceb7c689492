-- The instant at which the job's pause ends by itself.
ALTER TABLE {schema}.job ADD COLUMN paused_until bigint;
CREATE INDEX job_resuming ON {schema}.job (program, paused_until, name)
    WHERE paused_until IS NOT NULL;
