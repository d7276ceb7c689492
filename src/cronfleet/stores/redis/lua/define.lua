-- Puts a definition in force by order.
-- ARGV: the generation that was seen ('' adds a job), an order, program, then as in sync_jobs.lua
-- digest to handler.
-- Returns 'unknown' or 'seen' if the job is not as it was seen, else as sync_jobs.lua does.
local seen = number()
local order, program, new = read_order(seen and 'update' or 'add'), word(), read_definition()
local job = find_job(order.job)
if job and job.program ~= program then
  return {'foreign', job.program}
elseif earlier_answer(order) then
  return 'kept'
end
local is_there = job and not job.removed
if is_there and job.digest == new.digest then
  return 'kept'
elseif not is_there and seen then
  return 'unknown'
elseif is_there and job.generation ~= seen then
  return 'seen'
end

local answer
if not job then
  answer = create(order.job, program, new)
elseif is_there then
  answer = change(job, new)
else
  unpause(job)
  answer = revive(job, new)
end
if type(answer) == 'string' then
  save()
  save_superseded()
  remember(order, 'done')
end
return answer
