-- When a job was declared first; 0 if that is not known.
ALTER TABLE {schema}.job ADD COLUMN created_at bigint NOT NULL DEFAULT 0;

-- What was back-filled, the newest with the greatest number.
CREATE TABLE {schema}.backfill (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job text COLLATE "C" NOT NULL,
    "first" bigint NOT NULL,
    "last" bigint NOT NULL,
    ordered_at bigint NOT NULL
);
CREATE INDEX backfill_job ON {schema}.backfill (job, number);
