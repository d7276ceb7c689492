-- Notes which of some jobs no open session declares, and since when.
-- ARGV: their names. Returns those, each as in jobs.lua.
local found = {}
while has_words() do
  local job = find_live_job(word())
  if job then
    -- A clock that was set back makes nothing last longer.
    job.undeclared_since = not is_declared(job) and math.min(job.undeclared_since or now, now)
    found[#found + 1] = job.undeclared_since and shown(job) or nil
  end
end
save()
return found
