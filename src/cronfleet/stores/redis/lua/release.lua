-- CLAIMED to PENDING. ARGV[2]..: for each run, token. Returns 1 or 0 for each.
local answer = {}
for at = 2, #ARGV, 2 do
  local record = read(key('run', ARGV[at]))
  local is_mine = record and record.token == ARGV[at + 1] and record.state == 'claimed'
  if is_mine then
    put_back(ARGV[at], record, read_job(job_of(ARGV[at])))
  end
  answer[#answer + 1] = is_mine and 1 or 0
end
return answer
