-- Runs of a job, the newest made first. ARGV[2] job, [3] limit, [4] skip, [5] only this run, or ''.
-- Returns {run, error text, field, value...}...
local runs = {ARGV[5]}
if ARGV[5] == '' then
  runs = redis.call('ZREVRANGE', key('runs', ARGV[2]), ARGV[4], ARGV[4] + ARGV[3] - 1)
end
local answer = {}
for _, run in ipairs(runs) do
  local fields = redis.call('HGETALL', key('run', run))
  if #fields > 0 then
    table.insert(fields, 1, redis.call('GET', key('error', run)) or '')
    table.insert(fields, 1, run)
    answer[#answer + 1] = fields
  end
end
return answer
