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

local function ask(run)
  set_error(run, 'asked to cancel' .. by_whom)
  run.cancel_asked_at = now
  return 'asked'
end

local function end_or_ask(run)
  if run.state == 'started' then
    return ask(run)
  end
  local was_active = run.state ~= 'waiting'
  end_unstarted(run, 'cancelled' .. by_whom)
  if was_active then
    make_room(run)
  end
  return 'done'
end

local function end_or_ask_shards(tick)
  ask(tick)
  for _, shard in ipairs(shards_of(tick)) do
    if not shard.ended_at and not shard.cancel_asked_at then
      end_or_ask(shard)
    end
  end
  return tick.ended_at and 'done' or 'asked'
end

local answer = run.state == 'sharded' and end_or_ask_shards(run) or end_or_ask(run)
save()
remember(order, answer)
return answer
