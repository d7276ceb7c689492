-- Of a waiting tick: the instant after which it is not wanted any more.
ALTER TABLE run ADD COLUMN wanted_until INTEGER;

-- Why a skipped run was skipped.
ALTER TABLE run ADD COLUMN reason TEXT;
