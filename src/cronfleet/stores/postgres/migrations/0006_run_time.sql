-- handler: what the job's handler goes by, if it was added at run time; else empty. edition: the
-- generation in which a definition first came into force: the greater, the newer. removed: it is a
-- tombstone. undeclared_since: the instant at which it was noted that no open session declares it.
ALTER TABLE {schema}.job
    ADD COLUMN handler text NOT NULL DEFAULT '',
    ADD COLUMN edition bigint NOT NULL DEFAULT 1,
    ADD COLUMN removed boolean NOT NULL DEFAULT false,
    ADD COLUMN undeclared_since bigint;
ALTER TABLE {schema}.superseded ADD COLUMN edition bigint NOT NULL DEFAULT 0;
