-- CLAIMED to STARTED; the same start id may be repeated.
-- ARGV: session, then for each run: run, token, start id.
-- Returns nothing if the session is not open and unexpired, else 1 or 0 for each run.
local session = find_unexpired_session(word())
if not session then
  return nil
end

local function start(run, token, start_id)
  if not run or run.token ~= token or run.session ~= session.id then
    return false
  elseif run.state == 'claimed' then
    -- The clock may have been set back meanwhile, and no start comes before its claim.
    run.state, run.start_id = 'started', start_id
    run.started_at = math.max(now, run.claimed_at or now)
  end
  return run.state == 'started' and run.start_id == start_id
end

local answers = {}
while has_words() do
  answers[#answers + 1] = start(find_run(word()), number(), word()) and 1 or 0
end
save()
return answers
