-- What every script begins with: the words it was sent, the names of keys, the store's time.
-- KEYS[1] is the fleet's base key, hash tag included; every other key begins with it.
-- ARGV[1] is the clock in ms for tests, or '' for the server's own; a script's own words follow.
-- All instants and spans are integer milliseconds. None but these files knows a key's name:
--
--   fleet                 hash    store id, epoch, schema, greatest time, last token, replication id,
--                                 for how long it was renewed, whether it was adopted
--   notes                 hash    name -> value
--   sessions              zset    the open sessions' ids
--   session:<id>          hash    an open session
--   held:<session>        zset    its runs, claimed or started, in the order of run ids
--   cancelling:<session>  set     those of them that it was asked to cancel
--   orphaned              set     ids of ended sessions that still have a held:<session>
--   declaring:<session>   string  the digests of a manifest that is not complete yet
--   manifests             set     the manifests that open sessions have in force
--   manifest:<digest>     string  its definitions' digests and its handlers' marks, each between
--                                 two spaces
--   definitions:<2 digits>  hash  the rest of a digest -> the definition, in the caller's form
--   superseded:<job>      list    the digests that were in force before, each with its edition;
--                                 the last that was superseded first
--   jobs                  zset    all names
--   job:<name>            hash    a job; pause:<name>, a hash, says who paused it and why
--   due:<program>         zset    its jobs that make ticks, by the instant at which each is due
--   resuming:<program>    zset    its jobs whose pause has an end, by that instant
--   pending:<program>     zset    its pending runs, by not-before
--   run:<run id>          hash    a run
--   runs:<job>            zset    all runs of a job, shards too, by the instant at which each was made
--   waiting:<job>         zset    those that wait, likewise
--   successes:<job>       zset    those that succeeded or were skipped, by the instant of their end;
--                                 of shards only their tick
--   failures:<job>        zset    those that ended otherwise, likewise
--   errors:<job>          hash    run -> error text
--   log:<run id>          zset    attempt, number, instant, level and text of each line that it logged
--   backfills:<job>       list    first and last fire time, and when it was ordered; the newest first
--   gaps:<job>            list    the newest first
--   answer:<order>        string  what an order was answered, and when
--   audit                 list    the newest first
--   lock:<name>           string  owner, token, TTL and expiry of a lock
--   waiters:<name>        zset    who waits for a lock, by place
--   kept:<name>           hash    waiter -> the instant until which it keeps its place
--   replicas              hash    under durability=wait: the most replicas ever seen, and when
--
-- Channels, whose messages are empty:
--
--   hints:<topic>         something about the topic may have changed

local BASE = KEYS[1]
local call = redis.call
local last_word = 0

-- The next argument, as it is.
local function word()
  last_word = last_word + 1
  return ARGV[last_word]
end

-- The next argument as a number; false for ''.
local function number()
  return tonumber(word()) or false
end

-- The next argument as it is; false for ''.
local function text()
  local said = word()
  return said ~= '' and said
end

local function has_words()
  return last_word < #ARGV
end

local texts = {}

-- A number as text; it would print as 1.7e+12 unless told otherwise.
local function int(value)
  local text = texts[value]
  if not text then
    text = string.format('%.0f', value)
    texts[value] = text
  end
  return text
end

local function key(kind, name)
  return BASE .. kind .. ':' .. name
end

-- Strings by their bytes: `<` would go by the language that the server runs in.
local function is_below(a, b)
  for at = 1, math.min(#a, #b) do
    local x, y = string.byte(a, at), string.byte(b, at)
    if x ~= y then
      return x < y
    end
  end
  return #a < #b
end

-- A part of a sorted set or a list: `limit` members, past the first `skip`.
local function page(command, list_key, skip, limit)
  return limit > 0 and call(command, list_key, skip, skip + limit - 1) or {}
end

-- Tells whoever listens. Nothing depends on it, so a user without rights to channels goes on.
local function hint(topic)
  redis.pcall('PUBLISH', key('hints', topic), '')
end

-- Records ---------------------------------------------------------------------------------
-- A record is a hash whose fields have short names there. None is false here, and is not stored;
-- neither is a field as `plain` says, and fields of a newer version are left alone. A record shows
-- through to `was`, which is what is stored, and that to `plain`: its own fields are the changes.

local NUMBERS = {
  active = true, attempt = true, cancel_asked_at = true, claimed_at = true, counter = true,
  created_at = true, due = true, edition = true, ended_at = true, epoch = true, expires_at = true,
  fire = true, generation = true, greatest = true, joined_at = true, limit = true, lived = true,
  losses = true, not_before = true, paused_until = true, schema = true, shards = true, since = true,
  started_at = true, token = true, ttl = true, undeclared_since = true, wanted_until = true,
  watermark = true,
}

-- A kind of record: `fields` has a short name for each name.
local function kind_of(fields, plain)
  local names = {}
  for name, short in pairs(fields) do
    names[short] = name
    plain[name] = plain[name] or false
  end
  plain.__index = plain
  return {fields = fields, names = names, plain = plain}
end

local function new_record(kind, was)
  was = setmetatable(was or {}, kind.plain)
  was.__index = was
  return setmetatable({was = was}, was)
end

-- The record at a key; false if there is none.
local function load(kind, record_key)
  local flat = call('HGETALL', record_key)
  local names, was = kind.names, {}
  for at = 1, #flat, 2 do
    local name = names[flat[at]]
    if NUMBERS[name] then
      was[name] = tonumber(flat[at + 1])
    elseif name then
      was[name] = flat[at + 1]
    end
  end
  return #flat > 0 and new_record(kind, was)
end

local function write(kind, record_key, record)
  local changed, gone = {}, {}
  for name, value in pairs(record) do
    local short = kind.fields[name]
    if short and value ~= record.was[name] then
      if value == kind.plain[name] then
        gone[#gone + 1] = short
      else
        changed[#changed + 1] = short
        changed[#changed + 1] = NUMBERS[name] and int(value) or value
      end
    end
  end
  if #changed > 0 then
    call('HSET', record_key, unpack(changed))
  end
  if #gone > 0 then
    call('HDEL', record_key, unpack(gone))
  end
end

-- The fleet and its time ------------------------------------------------------------------

local FLEET = kind_of({
  id = 'id', epoch = 'epoch', schema = 'schema', greatest = 'greatest', token = 'token',
  replid = 'replid', lived = 'lived', adopted = 'adopted',
}, {greatest = 0, token = 0, lived = 0})

local clock = number()
if not clock then
  local time = call('TIME')
  clock = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local fleet = load(FLEET, BASE .. 'fleet') or new_record(FLEET)

-- A clock that stepped back a little is waited for.
local now = clock
if clock < fleet.greatest and fleet.greatest <= clock + CLOCK_STEP_BACK_MS then
  now = fleet.greatest
end

-- What the store says of itself: id, epoch, now, schema, 1 if it was adopted else 0, and for how
-- long in ms it was renewed.
local function info()
  return {fleet.id, fleet.epoch, now, fleet.schema, fleet.adopted and 1 or 0, fleet.lived}
end

local function write_fleet()
  write(FLEET, BASE .. 'fleet', fleet)
end

-- A number above all that were given out before. It follows the clock: a store that lost its last
-- writes issues none of them again.
local function next_token()
  fleet.token = math.max(fleet.token + 1, now * TOKENS_PER_MS)
  return fleet.token
end

-- A server that was promoted or restarted may have lost writes, and has another replication id:
-- the epoch rises, so that every watch over a session begins anew. Reads the next argument: ''
-- where scripts may not ask the server.
local function notice_failover()
  if word() == '' then
    return
  end
  local replid = string.match(call('INFO', 'replication'), 'master_replid:(%w+)')
  if fleet.replid and replid and fleet.replid ~= replid then
    fleet.epoch = fleet.epoch + 1
  end
  fleet.replid = replid or fleet.replid
end
