-- log_sizes: the places of the lines that are kept of :run, in their order, and how many bytes
-- each line has.
SELECT attempt, number, length(CAST(text AS BLOB)) AS size FROM run_log WHERE run = :run
ORDER BY attempt, number;

-- put_log_line: keep a line of :run. :at is an instant.
INSERT INTO run_log (run, attempt, number, at, level, text)
VALUES (:run, :attempt, :number, :at, :level, :text);

-- drop_log_line: forget a line of :run.
DELETE FROM run_log WHERE run = :run AND attempt = :attempt AND number = :number;

-- log_lines: what is kept of :run past a place, in the order of the places.
SELECT attempt, number, at, level, text FROM run_log
WHERE run = :run AND (attempt, number) > (:attempt, :number)
ORDER BY attempt, number;
