-- The instant at which the job's pause ends by itself.
ALTER TABLE job ADD COLUMN paused_until INTEGER;
CREATE INDEX job_resuming ON job (program, paused_until, name) WHERE paused_until IS NOT NULL;
