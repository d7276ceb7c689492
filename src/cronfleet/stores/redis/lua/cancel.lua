-- Cancels a run: ends it if nobody has started it, and asks that of its holder otherwise.
-- ARGV: an order with the run in the place of a job, by whom and why for the run's error text.
-- Returns 'unknown', 'ended', 'asked' or 'done'.
local order, by_whom = read_order('cancel'), word()
local run = find_run(order.job)
if not run then
  return 'unknown'
end
local earlier = earlier_answer(order)
if earlier then
  return earlier
elseif run.ended_at then
  return 'ended'
elseif run.cancel_asked_at then
  return 'asked'
end

local answer = end_or_ask(run, by_whom)
save()
remember(order, answer)
return answer
