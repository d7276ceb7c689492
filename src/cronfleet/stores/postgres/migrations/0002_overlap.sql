-- wanted_until: of a waiting tick, the instant after which it is not wanted any more; reason: why a
-- skipped run was skipped.
ALTER TABLE {schema}.run ADD COLUMN wanted_until bigint, ADD COLUMN reason text;
