-- The definitions of a job that are superseded, the newest with the greatest number. So that old
-- ones can be forgotten.
CREATE TABLE superseded (
    number INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    digest TEXT NOT NULL
);
CREATE INDEX superseded_job ON superseded (job, number);
