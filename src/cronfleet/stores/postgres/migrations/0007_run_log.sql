-- What handlers log, see `LogPlace` and `LogLine`. `at` is an instant. It goes with its run, also
-- where an older version deletes that.
CREATE TABLE {schema}.run_log (
    run text COLLATE "C" NOT NULL REFERENCES {schema}.run (id) ON DELETE CASCADE,
    attempt bigint NOT NULL,
    number bigint NOT NULL,
    at bigint NOT NULL,
    level bigint NOT NULL,
    "text" text NOT NULL,
    PRIMARY KEY (run, attempt, number)
);
