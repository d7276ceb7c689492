-- about: what must be right about the server before it is used.
SELECT
    current_setting('server_version_num')::integer AS version,
    current_setting('server_version') AS version_name,
    current_setting('server_encoding') AS encoding,
    pg_is_in_recovery() AS is_standby;

-- made: whether the schema is there, and whether its tables are. From the catalogue's rows: names
-- would be looked up in a cache, which a wait for one's turn does not refresh.
SELECT
    EXISTS (SELECT FROM pg_namespace WHERE nspname = %(schema)s) AS has_schema,
    EXISTS (
        SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = %(schema)s AND relname = 'migration'
    ) AS has_tables;

-- version: the last migration that the schema has seen.
SELECT max(number) AS number FROM {schema}.migration;

-- make_schema: the schema of the fleet.
CREATE SCHEMA {schema};

-- put_version: the migration :number is done.
INSERT INTO {schema}.migration (number) VALUES (%(number)s);

-- begin: begin a transaction, whatever the role's or the database's defaults are. Every look sees
-- what was committed before it, so one that follows a lock sees what the lock waited for.
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;

-- begin_snapshot: begin a transaction in which every look sees the same moment, and none writes.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- commit: end it; what it wrote stays.
COMMIT;

-- rollback: end it; what it wrote is gone.
ROLLBACK;

-- bounds: of this transaction, in milliseconds. What is configured to wait for more than the
-- server's own disk is left so; all else waits for the disk.
SELECT
    set_config('lock_timeout', %(lock_ms)s, true),
    set_config('statement_timeout', %(statement_ms)s, true),
    set_config('idle_in_transaction_session_timeout', %(idle_ms)s, true),
    set_config(
        'synchronous_commit',
        CASE WHEN current_setting('synchronous_commit') IN ('remote_write', 'remote_apply')
            THEN current_setting('synchronous_commit') ELSE 'on' END,
        true
    );

-- turn: wait until every other transaction that took its turn has ended.
SELECT pg_advisory_xact_lock(hashtextextended('cronfleet {schema}', 0));

-- clock: the fleet's row, and the server's clock now. Sent last, so that it is read when the locks
-- are held.
SELECT
    store_id,
    epoch,
    greatest_ms,
    lived_ms,
    adopted,
    (SELECT last_value FROM {schema}.token) AS last_token,
    server_started_at,
    (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint AS this_server_started_at,
    floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS clock_ms
FROM {schema}.fleet;

-- facts: what it can promise, in a transaction that has its bounds.
SELECT
    split_part(current_setting('server_version'), ' ', 1) AS version,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('fsync')::boolean AS fsync,
    current_setting('full_page_writes')::boolean AS full_page_writes,
    current_setting('synchronous_standby_names') AS synchronous_standby_names,
    has_table_privilege('pg_stat_replication', 'SELECT')
    AND has_table_privilege('pg_replication_slots', 'SELECT') AS may_ask_standbys;

-- standbys: how many are attached, and for how many of them a commit waits: with ANY 2 (...) for
-- two, however many are candidates. Neither backups nor who is sent single tables; to a role that
-- is not told what the others do, each of those is a standby, and none is waited for.
SELECT
    count(*) AS standbys,
    least(
        count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')),
        coalesce(
            substring(
                current_setting('synchronous_standby_names') FROM '(?i)^ *any *([0-9]+) *[(]'
            )::bigint,
            count(*)
        )
    ) AS waited_for
FROM pg_stat_replication
WHERE state IS DISTINCT FROM 'backup' AND pid NOT IN (
    SELECT active_pid FROM pg_replication_slots
    WHERE slot_type = 'logical' AND active_pid IS NOT NULL
);

-- tell: when this transaction is committed, tell whoever listens to :topic.
SELECT pg_notify(%(channel)s, %(topic)s);
