-- Records outcomes.
-- ARGV: for each run: run, token, outcome, delay of the retry in ms ('' for none), error text.
-- Returns 'done', 'late' or 'refused' for each.
local function end_attempt(run, outcome, retry_in, text)
  if text ~= '' or not (run.cancel_asked_at and outcome == 'cancelled') then
    set_error(run, text) -- Else it says who asked, and why.
  end
  if outcome == 'lost' then
    lose(run)
  elseif retry_in and may_run_again(run) then
    run.outcome, run.losses = outcome, 0
    next_attempt(run, now + retry_in)
  else
    finish(run, outcome)
  end
end

local function complete(run, token, outcome, retry_in, text)
  if not run or run.token ~= token then
    return 'refused'
  elseif run.state == 'started' then
    end_attempt(run, outcome, retry_in, text)
    return 'done'
  elseif run.outcome == outcome then
    return 'done' -- Said before; its first answer was lost.
  elseif run.state == 'lost' then
    run.late_outcome = run.late_outcome or outcome
    return 'late'
  end
  return 'refused'
end

local answers = {}
while has_words() do
  answers[#answers + 1] = complete(find_run(word()), number(), word(), number(), word())
end
save()
return answers
