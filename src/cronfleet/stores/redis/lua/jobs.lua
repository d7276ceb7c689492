-- Jobs by name.
-- ARGV: either '' and a name, or how many at the most and the name above which they begin.
-- Returns for each: name, program, digest, schedule digest, limit, on_lost, generation, expected
-- fire time and its due instant, watermark, active count, the first fire time ever settled, why it
-- is paused: reason, by, why; shards.
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
    local pause = call('HMGET', key('pause', each), 'by', 'why')
    found[#found + 1] = {
      each, job.program, job.digest, job.schedule_digest, job.limit, job.on_lost, job.generation,
      job.fire, job.due, job.watermark, job.active, job.since, job.paused_reason,
      pause[1] or '', pause[2] or '', job.shards,
    }
  end
end
return found
