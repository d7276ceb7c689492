-- Back-fills of a job, the newest first.
-- ARGV: job. Returns for each, in one string: first and last fire time, when it was ordered.
return call('LRANGE', key('backfills', word()), 0, -1)
