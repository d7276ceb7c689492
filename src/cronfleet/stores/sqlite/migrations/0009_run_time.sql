-- What the job's handler goes by, if it was added at run time; else empty.
ALTER TABLE job ADD COLUMN handler TEXT NOT NULL DEFAULT '';

-- The generation in which a definition first came into force: the greater, the newer.
ALTER TABLE job ADD COLUMN edition INTEGER NOT NULL DEFAULT 1;
ALTER TABLE superseded ADD COLUMN edition INTEGER NOT NULL DEFAULT 0;

-- 1: a tombstone.
ALTER TABLE job ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;

-- The instant at which it was noted that no open session declares the job.
ALTER TABLE job ADD COLUMN undeclared_since INTEGER;
