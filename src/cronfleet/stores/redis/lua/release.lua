-- CLAIMED to PENDING: nobody ran it.
-- ARGV: for each run: run, token. Returns 1 or 0 for each.
local answers = {}
while has_words() do
  local run, token = find_run(word()), number()
  local is_held = run and run.token == token and run.state == 'claimed'
  if is_held then
    put_back(run)
  end
  answers[#answers + 1] = is_held and 1 or 0
end
save()
return answers
