-- The tables of one fleet. Instants and spans are milliseconds; digests, ids and the values of
-- enumerations are text. No STRICT tables: some systems still link an SQLite older than 3.37.

-- Which migrations the file has seen. A number that a program does not know stops it.
CREATE TABLE migration (
    number INTEGER PRIMARY KEY
);

-- One row: the fleet as a whole.
CREATE TABLE fleet (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    store_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    greatest_ms INTEGER NOT NULL,
    last_token INTEGER NOT NULL
);
INSERT INTO fleet VALUES (1, lower(hex(randomblob(16))), 1, 0, 0);

CREATE TABLE note (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Open sessions; a closed one has no row.
CREATE TABLE session (
    id TEXT PRIMARY KEY,
    program TEXT NOT NULL,
    label TEXT NOT NULL,
    ttl_ms INTEGER NOT NULL,
    tzdata TEXT NOT NULL,
    joined_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    counter INTEGER NOT NULL,
    manifest TEXT NOT NULL
) WITHOUT ROWID;

-- Which definitions a manifest stands for.
CREATE TABLE manifest (
    manifest TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (manifest, digest)
) WITHOUT ROWID;

CREATE TABLE definition (
    digest TEXT PRIMARY KEY,
    json TEXT NOT NULL
);

CREATE TABLE job (
    name TEXT PRIMARY KEY,
    program TEXT NOT NULL,
    digest TEXT NOT NULL,
    schedule_digest TEXT NOT NULL,
    "limit" INTEGER NOT NULL,
    on_lost TEXT NOT NULL,
    generation INTEGER NOT NULL,
    expected_fire_time INTEGER,
    expected_due INTEGER,
    watermark INTEGER NOT NULL,
    active INTEGER NOT NULL,
    paused INTEGER NOT NULL,
    paused_reason TEXT,
    paused_by TEXT NOT NULL,
    paused_why TEXT NOT NULL
);
CREATE INDEX job_due ON job (program, expected_due, name)
    WHERE paused = 0 AND expected_due IS NOT NULL;

-- `id` is the run's id as people write it, job@fire_time+number. `program` is its job's, so that
-- pending runs are found without a look at their jobs.
CREATE TABLE run (
    id TEXT PRIMARY KEY,
    job TEXT NOT NULL,
    fire_time INTEGER NOT NULL,
    number INTEGER NOT NULL,
    program TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    token INTEGER NOT NULL,
    on_lost TEXT NOT NULL,
    losses INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    session TEXT,
    instance TEXT NOT NULL,
    start_id TEXT,
    claimed_at INTEGER,
    started_at INTEGER,
    ended_at INTEGER,
    outcome TEXT,
    late_outcome TEXT,
    error TEXT NOT NULL
);
CREATE INDEX run_made ON run (job, created_at, fire_time, number);
CREATE INDEX run_pending ON run (program, not_before, id) WHERE state = 'pending';
CREATE INDEX run_waiting ON run (job, created_at, fire_time, number) WHERE state = 'waiting';
-- A run has a session while it is claimed or started, and only then.
CREATE INDEX run_held ON run (session, job, fire_time, number) WHERE session IS NOT NULL;
CREATE INDEX run_ended
    ON run (job, state IN ('succeeded', 'skipped'), ended_at, fire_time, number)
    WHERE ended_at IS NOT NULL;

CREATE TABLE gap (
    job TEXT NOT NULL,
    "first" INTEGER NOT NULL,
    "last" INTEGER NOT NULL,
    count INTEGER NOT NULL,
    reason TEXT NOT NULL,
    generation INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    PRIMARY KEY (job, "first")
) WITHOUT ROWID;
CREATE INDEX gap_last ON gap (job, "last");

-- What an operator's order was answered, by its idempotency key.
CREATE TABLE answer (
    "key" TEXT PRIMARY KEY,
    answer TEXT NOT NULL,
    answered_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX answer_answered ON answer (answered_at);

-- Numbered without holes: rows go only from the low end.
CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    verb TEXT NOT NULL,
    job TEXT NOT NULL,
    who TEXT NOT NULL,
    why TEXT NOT NULL
);
