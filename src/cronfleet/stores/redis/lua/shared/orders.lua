-- What operators order: under a key each is done once, and all of it is on record.

-- An order at the next five arguments: job, key, who, why, and the JSON of verb, job, who and why.
local function read_order(verb)
  local order = {job = word()}
  order.key = key('answer', verb .. ' ' .. order.job .. ' ' .. word())
  order.who, order.why, order.json = word(), word(), word()
  return order
end

-- What it was answered before; nil if it is new, or too old to be remembered.
local function earlier_answer(order)
  local said = call('GET', order.key)
  local at, answer = string.match(said or '', '^(%d+) (.*)$')
  if at and tonumber(at) >= now - KEY_KEPT_MS then
    return answer
  end
end

local function put_on_record(order)
  call('LPUSH', BASE .. 'audit', int(now) .. ' ' .. order.json)
  call('LTRIM', BASE .. 'audit', 0, MOST_AUDIT - 1)
end

-- The server's own expiry only tidies up: what is too old goes by the store's time.
local function remember(order, answer)
  call('SET', order.key, int(now) .. ' ' .. answer, 'PX', int(2 * KEY_KEPT_MS))
  put_on_record(order)
end

-- Where an order moves a job's ticks, at the next eight arguments: generation, expected fire time,
-- following fire time and its due instant, gap. '' stands for none.
local function read_moved()
  return {generation = number(), expected = number(), following = number(), due = number(),
    gap = read_gap()}
end

-- Moves a job's ticks. False if the job is not as it was seen.
local function move(job, moved)
  if job.generation ~= moved.generation or job.fire ~= moved.expected then
    return false
  end
  local settled = moved.gap and moved.gap.last or job.watermark
  if settled < job.watermark or moved.following and moved.following <= settled then
    return false
  end
  if moved.gap then
    job.since = job.since < 0 and moved.gap.first or job.since
    add_gap(job, moved.gap)
  end
  job.generation, job.watermark = job.generation + 1, settled
  job.fire, job.due = moved.following, moved.due
  return true
end
