-- The tables of one fleet, in a schema of its own. Instants and spans are milliseconds; digests,
-- ids and the values of enumerations are text. Names sort by code points, as Python sorts them.

-- Which migrations the schema has seen. A number that a program does not know stops it.
CREATE TABLE {schema}.migration (
    number integer PRIMARY KEY
);

-- One row: the fleet as a whole. server_started_at, in microseconds, tells servers apart: after a
-- restart or a failover it is another.
CREATE TABLE {schema}.fleet (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    store_id text NOT NULL,
    epoch bigint NOT NULL,
    greatest_ms bigint NOT NULL,
    server_started_at bigint NOT NULL
);
INSERT INTO {schema}.fleet (store_id, epoch, greatest_ms, server_started_at) VALUES (
    replace(gen_random_uuid()::text, '-', ''), 1, 0,
    (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint
);

-- Tokens: above all that were given before, and never far behind the clock (see follow_clock).
CREATE SEQUENCE {schema}.token AS bigint;

CREATE TABLE {schema}.note (
    name text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
);

-- Open sessions; a closed one has no row. Rows change with every renewal: room for that is left.
CREATE TABLE {schema}.session (
    id text COLLATE "C" PRIMARY KEY,
    program text NOT NULL,
    label text NOT NULL,
    ttl_ms bigint NOT NULL,
    tzdata text NOT NULL,
    joined_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    counter bigint NOT NULL,
    manifest text NOT NULL
) WITH (fillfactor = 50);

-- Which definitions a manifest stands for.
CREATE TABLE {schema}.manifest (
    manifest text COLLATE "C" NOT NULL,
    digest text COLLATE "C" NOT NULL,
    PRIMARY KEY (manifest, digest)
);

CREATE TABLE {schema}.definition (
    digest text COLLATE "C" PRIMARY KEY,
    json text NOT NULL
);

CREATE TABLE {schema}.job (
    name text COLLATE "C" PRIMARY KEY,
    program text COLLATE "C" NOT NULL,
    digest text NOT NULL,
    schedule_digest text NOT NULL,
    "limit" bigint NOT NULL,
    on_lost text NOT NULL,
    generation bigint NOT NULL,
    expected_fire_time bigint,
    expected_due bigint,
    watermark bigint NOT NULL,
    active bigint NOT NULL,
    paused boolean NOT NULL,
    paused_reason text,
    paused_by text NOT NULL,
    paused_why text NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX job_due ON {schema}.job (program, expected_due, name)
    WHERE NOT paused AND expected_due IS NOT NULL;

-- `id` is the run's id as people write it, job@fire_time+number. `program` is its job's, so that
-- pending runs are found without a look at their jobs.
CREATE TABLE {schema}.run (
    id text COLLATE "C" PRIMARY KEY,
    job text COLLATE "C" NOT NULL,
    fire_time bigint NOT NULL,
    number bigint NOT NULL,
    program text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    attempt bigint NOT NULL,
    token bigint NOT NULL,
    on_lost text NOT NULL,
    losses bigint NOT NULL,
    created_at bigint NOT NULL,
    not_before bigint NOT NULL,
    session text COLLATE "C",
    instance text NOT NULL,
    start_id text,
    claimed_at bigint,
    started_at bigint,
    ended_at bigint,
    outcome text,
    late_outcome text,
    error text NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX run_made ON {schema}.run (job, created_at, fire_time, number);
CREATE INDEX run_pending ON {schema}.run (program, not_before, id) WHERE state = 'pending';
CREATE INDEX run_waiting ON {schema}.run (job, created_at, fire_time, number)
    WHERE state = 'waiting';
-- A run has a session while it is claimed or started, and only then.
CREATE INDEX run_held ON {schema}.run (session, job, fire_time, number)
    WHERE session IS NOT NULL;
CREATE INDEX run_ended
    ON {schema}.run (job, (state IN ('succeeded', 'skipped')), ended_at, fire_time, number)
    WHERE ended_at IS NOT NULL;

CREATE TABLE {schema}.gap (
    job text COLLATE "C" NOT NULL,
    "first" bigint NOT NULL,
    "last" bigint NOT NULL,
    count bigint NOT NULL,
    reason text NOT NULL,
    generation bigint NOT NULL,
    recorded_at bigint NOT NULL,
    PRIMARY KEY (job, "first")
);
CREATE INDEX gap_last ON {schema}.gap (job, "last");

-- What an operator's order was answered, by its idempotency key.
CREATE TABLE {schema}.answer (
    "key" text COLLATE "C" PRIMARY KEY,
    answer text NOT NULL,
    answered_at bigint NOT NULL
);
CREATE INDEX answer_answered ON {schema}.answer (answered_at);

CREATE TABLE {schema}.audit (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL,
    verb text NOT NULL,
    job text NOT NULL,
    who text NOT NULL,
    why text NOT NULL
);
