-- log_sizes: the places of the lines that are kept of each of these runs, in their order, and how
-- many bytes each line has.
SELECT run, attempt, number, octet_length("text") AS size FROM {schema}.run_log
WHERE run = ANY(%(runs)s::text[])
ORDER BY run, attempt, number;

-- drop_log_lines: forget lines.
DELETE FROM {schema}.run_log AS kept
USING jsonb_populate_recordset(NULL::{schema}.run_log, %(rows)s) AS gone
WHERE (kept.run, kept.attempt, kept.number) = (gone.run, gone.attempt, gone.number);

-- put_log_lines: keep lines.
INSERT INTO {schema}.run_log (run, attempt, number, at, level, "text")
SELECT run, attempt, number, at, level, "text"
FROM jsonb_populate_recordset(NULL::{schema}.run_log, %(rows)s);

-- log_lines: what is kept of :run past a place, in the order of the places.
SELECT attempt, number, at, level, "text" FROM {schema}.run_log
WHERE run = %(run)s AND (attempt, number) > (%(attempt)s, %(number)s)
ORDER BY attempt, number;
