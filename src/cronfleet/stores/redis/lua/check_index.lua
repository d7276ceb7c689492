-- Looks for members of a program's indexes that point to nothing.
-- ARGV: '1' to mend it else '', the JSON for the audit, 'due', 'resuming' or 'pending', program, how
-- many members to pass over, how many to look at.
-- Returns how many members there were, and for each fault: kind, where, 1 if it is mended else 0,
-- detail.
local mends, json, kind, program = word() ~= '', word(), word(), word()
local skip, limit = number(), number()
local faults, strays = {}, {}

local function is_right(member)
  if kind == 'pending' then
    local run = find_run(member)
    return run and run.state == 'pending'
  end
  local job = find_job(member)
  if not job or job.program ~= program then
    return false
  end
  return kind == 'resuming' and resumes_at(job) or kind == 'due' and not job.paused_reason and job.due
end

local members = page('ZRANGE', key(kind, program), skip, limit)
for _, member in ipairs(members) do
  if not is_right(member) then
    local where = (kind == 'pending' and 'run ' or 'job ') .. member
    faults[#faults + 1] = {'index', where, mends and 1 or 0, kind}
    strays[#strays + 1] = member
  end
end

if mends and #strays > 0 then
  call('ZREM', key(kind, program), unpack(strays))
  put_on_record({json = json})
end
return {#members, faults}
