-- Jobs by name.
-- ARGV: either '' and a name, or how many at the most and the name above which they begin.
-- Returns for each: name, program, digest, schedule digest, limit, on_lost, generation, expected
-- fire time and its due instant, watermark, active count, the first fire time ever settled, why it
-- is paused: reason, by, why; its shards, its handler, edition, 1 if it is a tombstone else 0, since
-- when nobody declares it, and when its pause ends by itself.
local limit, name = word(), word()
local names = {name}
if limit ~= '' then
  local low = name == '' and '-' or '(' .. name
  names = call('ZRANGEBYLEX', BASE .. 'jobs', low, '+', 'LIMIT', 0, limit)
end

local found = {}
for _, each in ipairs(names) do
  local job = find_job(each)
  if job then
    found[#found + 1] = shown(job)
  end
end
return found
