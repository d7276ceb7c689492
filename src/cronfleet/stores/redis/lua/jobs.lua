-- Jobs by name. ARGV[2] limit, [3] above this name, [4] only this name, or ''.
-- Returns {name, why it is paused, field, value...}...
local names = {ARGV[4]}
if ARGV[4] == '' then
  local low = ARGV[3] == '' and '-' or '(' .. ARGV[3]
  names = redis.call('ZRANGEBYLEX', BASE .. 'jobs', low, '+', 'LIMIT', 0, ARGV[2])
end
local answer = {}
for _, name in ipairs(names) do
  local fields = redis.call('HGETALL', key('job', name))
  if #fields > 0 then
    table.insert(fields, 1, redis.call('GET', key('why', name)) or '')
    table.insert(fields, 1, name)
    answer[#answer + 1] = fields
  end
end
return answer
