-- What handlers log, see `LogPlace` and `LogLine`. `at` is an instant.
CREATE TABLE run_log (
    run TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    level INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (run, attempt, number)
) WITHOUT ROWID;

-- Also where an older version deletes the run.
CREATE TRIGGER run_log_goes AFTER DELETE ON run BEGIN
    DELETE FROM run_log WHERE run = old.id;
END;
