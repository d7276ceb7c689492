-- Declares a part of an instance's jobs.
-- ARGV: session, program, manifest, 'first' if this is the first part, 'last' if it is the last,
-- which puts the manifest in force; the number of marks, and the marks of the handlers that the
-- instance has; then for each job: name, digest, schedule digest, limit, on_lost, shards, first fire
-- time and its due instant ('' if there is none), definition, handler, '1' if it brings a removed
-- job back.
-- Returns nothing if the session is not open, else for each job: 'new', 'kept', 'changed',
-- 'superseded', 'removed', {'foreign', program} or {'behind', watermark}.
local mine, program, manifest = find_session(word()), word(), word()
local is_first, is_last = word() ~= '', word() ~= ''
if not mine then
  return nil
end
local declaring = key('declaring', mine.id)
local words, is_marked = {}, {}
for _ = 1, number() do
  local mark = word()
  is_marked[mark] = true
  words[#words + 1] = is_first and mark or nil
end

local function is_declared_elsewhere(job)
  for _, mark in ipairs(marks_of(job)) do
    if is_marked[mark] then
      return true
    end
  end
  return is_declared(job, mine.id)
end

local function keep(job, new)
  if not has_definition(new.digest) then
    definitions[new.digest] = new.json
  end
  job.undeclared_since = false
  return 'kept'
end

local function declare(name, new, revives)
  local job = find_job(name)
  if not job then
    return create(name, program, new)
  elseif job.program ~= program then
    return {'foreign', job.program}
  elseif job.removed and not revives then
    return 'removed'
  elseif job.digest == new.digest then
    return job.removed and revive(job, new, job.edition) or keep(job, new)
  end
  local edition = edition_of(job, new.digest)
  if job.removed then
    return revive(job, new, edition)
  elseif edition and edition < job.edition and is_declared_elsewhere(job) then
    return 'superseded'
  end
  return change(job, new, edition)
end

local answers = {}
while has_words() do
  local name, new, revives = word(), read_definition(), word() ~= ''
  answers[#answers + 1] = declare(name, new, revives)
  words[#words + 1] = new.digest
end

local unused = {}
if is_last then
  mine.manifest = manifest
  local then_open = {}
  for at, session in ipairs(open_sessions()) do
    then_open[at] = session.id == mine.id and mine or session
  end
  unused = unused_manifests(then_open)
end

save()
save_superseded()
if is_first then
  call('UNLINK', declaring)
end
if #words > 0 then
  call('APPEND', declaring, (is_first and ' ' or '') .. table.concat(words, ' ') .. ' ')
end
if is_last then
  local complete = call('GET', declaring)
  if complete then
    call('SET', key('manifest', manifest), complete) -- What was appended to has room left over.
    call('UNLINK', declaring)
    call('SADD', BASE .. 'manifests', manifest)
  end
  write_session(mine)
  drop_manifests(unused)
end
return answers
