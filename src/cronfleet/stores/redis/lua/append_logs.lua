-- Keeps lines that handlers log, as far as they are within the bounds of their run's log.
-- ARGV: for each line: run, attempt, number, instant, level, text. Returns nothing.

-- Whether no line is missing between two.
local function follows(attempt, count, last_attempt, last_count)
  return count == (attempt == last_attempt and last_count or 0) + 1
end

-- How many lines from `first` on, in steps of `step`, fit into half of the bounds.
local function fitting(lines, first, last, step)
  local bytes, found = 0, 0
  for at = first, last, step do
    bytes = bytes + lines[at].size
    if found == MOST_LOG_LINES / 2 or bytes > MOST_LOG_BYTES / 2 then
      return found
    end
    found = found + 1
  end
  return found
end

local function unbroken(lines)
  local last_attempt, last_count = 0, 0
  for at, line in ipairs(lines) do
    if not follows(line.attempt, line.count, last_attempt, last_count) then
      return at - 1
    end
    last_attempt, last_count = line.attempt, line.count
  end
  return #lines
end

-- Drops what is neither of the beginning nor of the end: as `beyond` in store/logs.py.
local function cut(log_key)
  local lines = {}
  for at, member in ipairs(call('ZRANGE', log_key, 0, -1)) do
    local attempt, count, start = string.match(member, '^(%d+) (%d+) %d+ %d+ ()')
    lines[at] = {attempt = tonumber(attempt), count = tonumber(count), size = #member - start + 1}
  end
  local head = fitting(lines, 1, unbroken(lines), 1)
  local tail = fitting(lines, #lines, head + 1, -1)
  if head + tail < #lines then
    call('ZREMRANGEBYRANK', log_key, head, #lines - tail - 1)
  end
end

local function append(log_key, attempt, count, line)
  local place = int(attempt * LOG_PLACES + count)
  if call('ZCOUNT', log_key, place, place) == 0 then
    call('ZADD', log_key, place, int(attempt) .. ' ' .. int(count) .. ' ' .. line)
  end
end

local log_keys = {}
while has_words() do
  local run, attempt, count = find_run(word()), number(), number()
  local line = word() .. ' ' .. word() .. ' ' .. word()
  if run and attempt <= run.attempt then
    log_keys[run.id] = key('log', run.id)
    append(log_keys[run.id], attempt, count, line)
  end
end
for _, log_key in pairs(log_keys) do
  cut(log_key)
end
return {}
