-- The first fire time of a job that was ever settled; -1 before that, or if that is not known.
ALTER TABLE {schema}.job ADD COLUMN since bigint NOT NULL DEFAULT -1;

-- What was back-filled, the newest with the greatest number.
CREATE TABLE {schema}.backfill (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job text COLLATE "C" NOT NULL,
    "first" bigint NOT NULL,
    "last" bigint NOT NULL,
    ordered_at bigint NOT NULL
);
CREATE INDEX backfill_job ON {schema}.backfill (job, number);
