-- The first fire time of a job that was ever settled; -1 before that, or if that is not known.
ALTER TABLE job ADD COLUMN since INTEGER NOT NULL DEFAULT -1;

-- What was back-filled: numbered without holes, rows go only from the low end of a job's.
CREATE TABLE backfill (
    number INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    ordered_at INTEGER NOT NULL
);
CREATE INDEX backfill_job ON backfill (job, number);
