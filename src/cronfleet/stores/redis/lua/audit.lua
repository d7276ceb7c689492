-- What operators did, the newest first.
-- ARGV: how many at the most, how many to pass over.
-- Returns for each, in one string: the instant, and the JSON of verb, job, who, why.
local limit, skip = number(), number()
return page('LRANGE', BASE .. 'audit', skip, limit)
