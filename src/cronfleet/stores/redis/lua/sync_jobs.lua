-- Declares a part of an instance's jobs.
-- ARGV: session, program, manifest, 'first' if this is the first part, 'last' if it is the last,
-- which puts the manifest in force; then for each job: name, digest, schedule digest, limit,
-- on_lost, shards, first fire time and its due instant ('' if there is none), definition.
-- Returns nothing if the session is not open, else for each job: 'new', 'kept', 'changed',
-- 'superseded', {'foreign', program} or {'behind', watermark}.
local mine, program, manifest = find_session(word()), word(), word()
local is_first, is_last = word() ~= '', word() ~= ''
if not mine then
  return nil
end
local sessions = find_sessions()
local declaring = key('declaring', mine.id)

local others = {} -- The manifests of the other sessions, each once: most share one.
for _, session in ipairs(sessions) do
  others[session.manifest] = session.id ~= mine.id or others[session.manifest]
end

local function is_declared_by_others(digest)
  for manifest, is_theirs in pairs(others) do
    local digests = is_theirs and call('GET', key('manifest', manifest))
    if digests and string.find(digests, ' ' .. digest .. ' ', 1, true) then
      return true
    end
  end
  return false
end

local superseded = {}

-- Forgets a job's definitions but those that were superseded last.
local function supersede(name, old, new)
  local list = key('superseded', name)
  call('LREM', list, 0, old)
  call('LREM', list, 0, new)
  call('LPUSH', list, old)
  for _, digest in ipairs(call('LRANGE', list, MOST_SUPERSEDED, -1)) do
    call('HDEL', place_of_definition(digest))
  end
  call('LTRIM', list, 0, MOST_SUPERSEDED - 1)
end

local function put_in_force(job, new)
  job.digest, job.schedule_digest = new.digest, new.schedule_digest
  job.limit, job.on_lost, job.fire, job.due = new.limit, new.on_lost, new.fire, new.due
  job.shards = new.shards
  definitions[new.digest] = new.json
end

local function change(job, new)
  local keeps_schedule = job.schedule_digest == new.schedule_digest
  local is_owed = job.due and job.due <= now
  if keeps_schedule or is_owed then
    new.fire, new.due = job.fire, job.due
  end
  if new.fire and new.fire <= job.watermark then
    return {'behind', job.watermark}
  end
  superseded[#superseded + 1] = {job.name, job.digest, new.digest}
  put_in_force(job, new)
  job.generation = job.generation + 1
  promote(job)
  return 'changed'
end

local function declare(name, new)
  local job = find_job(name)
  if not job then
    put_in_force(new_job(name, program), new)
    return 'new'
  elseif job.program ~= program then
    return {'foreign', job.program}
  elseif job.digest == new.digest then
    if not has_definition(new.digest) then
      definitions[new.digest] = new.json
    end
    return 'kept'
  elseif has_definition(new.digest) and is_declared_by_others(job.digest) then
    return 'superseded'
  end
  return change(job, new)
end

local answers, digests = {}, {}
while has_words() do
  local name = word()
  local new = {
    digest = word(), schedule_digest = word(), limit = number(), on_lost = word(),
    shards = number(), fire = number(), due = number(), json = word(),
  }
  answers[#answers + 1] = declare(name, new)
  digests[#digests + 1] = new.digest
end

local unused = {}
if is_last then
  mine.manifest = manifest
  for at, session in ipairs(sessions) do
    sessions[at] = session.id == mine.id and mine or session
  end
  unused = unused_manifests(sessions)
end

save()
for _, each in ipairs(superseded) do
  supersede(unpack(each))
end
if is_first then
  call('UNLINK', declaring)
end
if #digests > 0 then
  call('APPEND', declaring, (is_first and ' ' or '') .. table.concat(digests, ' ') .. ' ')
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
