-- What is kept of what a run logged, past a place, in the order of the places.
-- ARGV: run, attempt, number.
-- Returns for each line, in one string: attempt, number, instant, level, text.
local id, attempt, count = word(), number(), number()
return call('ZRANGEBYSCORE', key('log', id), '(' .. int(attempt * LOG_PLACES + count), '+inf')
