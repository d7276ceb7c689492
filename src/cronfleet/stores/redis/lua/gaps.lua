-- Gaps of a job, the newest first.
-- ARGV: job, how many at the most, how many to pass over.
-- Returns for each, in one string: first, last, count, reason, generation, instant of the record.
local job, limit, skip = word(), number(), number()
return page('LRANGE', key('gaps', job), skip, limit)
