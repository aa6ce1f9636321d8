/**
 * What is done in Redis, as scripts: each is atomic, and knows the time from Redis alone.
 *
 * A stream's `meta` is one text of ten words: epoch, top, first, why what was before `first` is gone (`t` trimmed, `x`
 * expired, `-`), entries kept, their bytes, time of the oldest, time of the newest, the age that is kept (-1 for any),
 * when the entries' key expires (0 for never), and the lives of servers that wrote it as `life:top,…`: each wrote what
 * is behind that top. A life is Redis' replication id, which is another one after each restart and each failover.
 *
 * @module
 */
import { sha1 } from "../../sha1.ts";

/** A script, and the name that Redis remembers it by. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

function script(...parts: readonly string[]): Script {
  const text = parts.join("\n");
  const digest = sha1(new TextEncoder().encode(text));
  return { text, sha: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") };
}

/** How many lives of servers a stream remembers. */
const LIVES = 8;

/** How long a result is remembered for a client that sends its command again, in ms. */
const ONCE = 900_000;

/** How much longer than its entries a key lives, in ms, so that its expiry is rarely written anew. */
const SLACK = 60_000;

/** Leases that one call forgets. */
const SWEEP = 100;

const TIME = `
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local function int(n) return string.format('%.0f', n) end
`;

/**
 * KEYS: meta, entries. ARGV 1 to 8: an epoch to begin with if need be; epoch, top and life that the caller has seen;
 * ms until an idle stream is forgotten (0 for never); 1 for a new epoch with each life; where notices go, and how.
 */
const STREAM = `
local META, ENTRIES, FRESH = KEYS[1], KEYS[2], ARGV[1]
local SEEN_EPOCH, SEEN_TOP, SEEN_LIFE = ARGV[2], tonumber(ARGV[3]), ARGV[4]
local IDLE, ALWAYS = tonumber(ARGV[5]), ARGV[6] == '1'
local m, isChanged = nil, false

local function notify(text)
  if ARGV[8] == 's' then
    local told = redis.pcall('SPUBLISH', ARGV[7], text)
    if type(told) ~= 'table' then return end
  end
  redis.call('PUBLISH', ARGV[7], text)
end

local function serverLife()
  local info = redis.pcall('INFO', 'replication')
  if type(info) ~= 'string' then return '-' end
  return string.sub(string.match(info, 'master_replid:(%w+)') or '-', 1, 12)
end

local function newest() return string.match(m.lives, '([^,:]+):%d+$') end

local function ttl()
  if IDLE == 0 or (m.t > 0 and m.age < 0) then return 0 end
  return math.max(IDLE, 2 * m.age + ${2 * SLACK})
end

local function save()
  local text = table.concat({ m.e, int(m.t), int(m.f), m.by, int(m.n), int(m.b), int(m.ft), int(m.lt), int(m.age),
    int(m.x), m.lives }, ' ')
  local px = ttl()
  if px > 0 then redis.call('SET', META, text, 'PX', int(px)) else redis.call('SET', META, text) end
  isChanged = false
end

local function begin()
  m = { e = FRESH, t = 0, f = 1, by = '-', n = 0, b = 0, ft = 0, lt = 0, age = 0, x = 0, lives = serverLife() .. ':0' }
  -- First of all what Redis refuses when its memory is full: behind a DEL it would not refuse any more.
  save()
  redis.call('DEL', ENTRIES)
end

local function load()
  local text = redis.call('GET', META)
  if not text then return end
  local e, t, f, by, n, b, ft, lt, age, x, lives = string.match(text,
    '^(%S+) (%d+) (%d+) (%S) (%d+) (%d+) (%d+) (%d+) (%-?%d+) (%d+) (%S+)$')
  if not e then error('FOREIGN ' .. META .. ' is not of this log') end
  m = { e = e, t = tonumber(t), f = tonumber(f), by = by, n = tonumber(n), b = tonumber(b), ft = tonumber(ft),
    lt = tonumber(lt), age = tonumber(age), x = tonumber(x), lives = lives }
  if now < m.lt then now = m.lt end
end

-- Entries are gone that were not let go.
local function isHollow()
  if m.n == 0 then return false end
  local length = redis.call('XLEN', ENTRIES)
  if length == m.n then return false end
  if length > 0 or m.x == 0 or now < m.x then return true end
  m.f, m.by, m.n, m.b, m.ft, m.x = m.t + 1, 'x', 0, 0, 0, 0
  isChanged = true
  return false
end

-- The caller has seen entries that were never here: another server had them.
local function isBehind()
  if SEEN_EPOCH ~= m.e then return false end
  if SEEN_TOP > m.t then return true end
  if SEEN_LIFE == '-' or SEEN_LIFE == newest() then return false end
  local isKnown = false
  for life, start in string.gmatch(m.lives, '([^,:]+):(%d+)') do
    if isKnown and SEEN_TOP > tonumber(start) then return true end
    if life == SEEN_LIFE then isKnown = true end
  end
  return not isKnown and SEEN_TOP > 0
end

-- True if another server writes than before; then what begins here is written down, or another epoch begins.
local function meet(isWriting)
  if not (isWriting or ALWAYS) then return end
  local life = serverLife()
  if life == '-' or life == newest() then return end
  if ALWAYS and m.t > 0 then return begin() end
  if not isWriting then return end
  m.lives = m.lives .. ',' .. life .. ':' .. int(m.t)
  local _, count = string.gsub(m.lives, ',', ',')
  if count >= ${LIVES} then m.lives = string.match(m.lives, ',(.*)$') end
  isChanged = true
end

local function open(isWriting)
  load()
  if not m then return begin() end
  if isHollow() or isBehind() then
    begin()
    notify(m.e .. ' ' .. newest() .. ' 0')
  else
    meet(isWriting)
  end
end

local function sizeOf(fields)
  local data = fields[6]
  if not string.match(fields[4], '%u') then return #data end
  local _, pads = string.gsub(string.sub(data, -2), '=', '=')
  return #data / 4 * 3 - pads
end

local function offsetOf(item) return tonumber(string.match(item[1], '^%d+')) end

-- Lets the oldest of these go that are too many, too large or too old; true when what is left may stay.
local function drop(items, size, bytes, age)
  local last, mayStay = nil, false
  for _, item in ipairs(items) do
    local time = tonumber(item[2][2])
    if m.n > size or m.b > bytes then m.by = 't'
    elseif age >= 0 and time + age <= now then m.by = 'x'
    else
      m.ft, mayStay = time, true
      break
    end
    m.n, m.b, last = m.n - 1, m.b - sizeOf(item[2]), offsetOf(item)
  end
  if last then
    redis.call('XTRIM', ENTRIES, 'MINID', int(last + 1) .. '-0')
    m.f = last + 1
  end
  isChanged = true
  return mayStay
end

local function trim(size, bytes, age)
  while m.n > 0 and (m.n > size or m.b > bytes or (age >= 0 and m.ft + age <= now)) do
    local ask = math.min(math.max(m.n - size, 1), 63) + 1
    local items = redis.call('XRANGE', ENTRIES, '-', '+', 'COUNT', ask)
    if drop(items, size, bytes, age) then return end
  end
  if m.n > 0 or not isChanged then return end
  m.ft, m.x = 0, 0
  redis.call('DEL', ENTRIES)
end
`;

/**
 * KEYS 3: this writer's last batch; then one for each id. ARGV 9 to 13: the batch's number, size, bytes and age to keep
 * (-1 for any), entries; of each: kind, data, headers, whether it has an id, how long that is remembered (0 for ever),
 * whether the notice has the entry. Gives `epoch life top`, and for each entry its offset, with `=` if it was there.
 */
export const APPEND: Script = script(
  TIME,
  STREAM,
  `
local BATCH = tonumber(ARGV[9])
local prior = redis.call('GET', KEYS[3])
if prior then
  local number, reply = string.match(prior, '^(%d+) (.*)$')
  if tonumber(number) == BATCH then return reply end
  if tonumber(number) > BATCH then return redis.error_reply('STALE what was sent again came too late') end
end
open(true)
-- What had to go by now has gone, even if more is kept from now on.
trim(9e15, 9e15, m.age)

local out, notices, ids = {}, {}, 3
local function append(at)
  local kind, data, headers, hasId = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3] == '1'
  if hasId then
    ids = ids + 1
    local epoch, offset = string.match(redis.call('GET', KEYS[ids]) or '', '^(%S+) (%d+)$')
    if epoch == m.e then return offset .. '=' end
  end
  m.t = m.t + 1
  local offset = int(m.t)
  redis.call('XADD', ENTRIES, offset .. '-0', 't', int(now), 'k', kind, 'd', data, 'h', headers)
  if m.n == 0 then m.ft = now end
  m.n, m.b, m.lt = m.n + 1, m.b + sizeOf({ 't', now, 'k', kind, 'd', data }), now
  if hasId then
    local px = ARGV[at + 4]
    if px == '0' then redis.call('SET', KEYS[ids], m.e .. ' ' .. offset)
    else redis.call('SET', KEYS[ids], m.e .. ' ' .. offset, 'PX', px) end
  end
  local notice = m.e .. ' ' .. newest() .. ' ' .. offset
  if ARGV[at + 5] == '1' then
    notice = notice .. ' ' .. int(now) .. ' ' .. kind .. '\\n' .. headers .. '\\n' .. data
  end
  notices[#notices + 1] = notice
  return offset
end
for i = 1, tonumber(ARGV[13]) do out[i] = append(8 + i * 6) end

local age = tonumber(ARGV[12])
if #notices > 0 then
  m.age = age
  trim(tonumber(ARGV[10]), tonumber(ARGV[11]), age)
  if age < 0 then
    if m.x > 0 then redis.call('PERSIST', ENTRIES) end
    m.x = 0
  elseif m.n > 0 and now + age > m.x then
    m.x = now + age + math.max(age / 4, ${SLACK})
    redis.call('PEXPIREAT', ENTRIES, int(m.x))
  end
end
save()
for _, notice in ipairs(notices) do notify(notice) end
local reply = m.e .. ' ' .. newest() .. ' ' .. int(m.t) .. ' ' .. table.concat(out, ' ')
redis.call('SET', KEYS[3], int(BATCH) .. ' ' .. reply, 'PX', ${ONCE})
return reply
`,
);

/** ARGV 9 to 11: behind which offset, how many entries, how many bytes. Gives epoch, life, top, first, why, complete, entries. */
export const READ: Script = script(
  TIME,
  STREAM,
  `
open(false)
trim(9e15, 9e15, m.age)
if isChanged then save() else
  local px, left = ttl(), redis.call('PTTL', META)
  if px > 0 and left < px / 2 then redis.call('PEXPIRE', META, int(px)) end
end
local from, left, budget = tonumber(ARGV[9]) + 1, tonumber(ARGV[10]), tonumber(ARGV[11])
local entries, isComplete, isOver = {}, '1', false
repeat
  local ask = math.min(left + 1, 64)
  local items = redis.call('XRANGE', ENTRIES, int(from) .. '-0', '+', 'COUNT', ask)
  for _, item in ipairs(items) do
    local size = sizeOf(item[2])
    if left == 0 or (#entries > 0 and size > budget) then
      isComplete, isOver = '0', true
      break
    end
    left, budget, from = left - 1, budget - size, offsetOf(item) + 1
    entries[#entries + 1] = item
  end
until isOver or #items < ask
return { m.e, newest(), int(m.t), int(m.f), m.by, isComplete, entries }
`,
);

/** ARGV 9: an offset. Gives 1 if its entry was there. */
export const REMOVE: Script = script(
  TIME,
  STREAM,
  `
load()
if not m then return 0 end
local id = int(tonumber(ARGV[9])) .. '-0'
local item = redis.call('XRANGE', ENTRIES, id, id)[1]
if not item then return 0 end
if m.age >= 0 and tonumber(item[2][2]) + m.age <= now then return 0 end
m.n, m.b = m.n - 1, m.b - sizeOf(item[2])
save()
redis.call('XDEL', ENTRIES, id)
return 1
`,
);

/**
 * KEYS 1 and 2: leases, a hash of `generation end value` (-1 for one that does not end); and when each is forgotten, a
 * sorted set without those that are not. A time is given as ms from now, -1 for never.
 */
const LEASES = `
local LEASES, FORGOTTEN = KEYS[1], KEYS[2]

local function held(name)
  local at = redis.call('ZSCORE', FORGOTTEN, name)
  if at and tonumber(at) <= now then return end
  local text = redis.call('HGET', LEASES, name)
  if not text then return end
  return string.match(text, '^(%d+) (%-?%d+) (.*)$')
end

-- Some of those that are over: more than come with one call, and not so many that others wait for it.
local function tidy()
  local names = redis.call('ZRANGEBYSCORE', FORGOTTEN, '-inf', int(now), 'LIMIT', 0, ${SWEEP})
  if #names == 0 then return end
  redis.call('HDEL', LEASES, unpack(names))
  redis.call('ZREM', FORGOTTEN, unpack(names))
end

-- The keys end with the last lease, unless one of them has no end.
local function bound()
  local count = redis.call('ZCARD', FORGOTTEN)
  if count == 0 or count < redis.call('HLEN', LEASES) then
    redis.call('PERSIST', LEASES)
    redis.call('PERSIST', FORGOTTEN)
    return
  end
  local last = int(tonumber(redis.call('ZREVRANGE', FORGOTTEN, 0, 0, 'WITHSCORES')[2]))
  redis.call('PEXPIREAT', LEASES, last)
  redis.call('PEXPIREAT', FORGOTTEN, last)
end

local function put(name, generation, ttl, forget, value)
  local ends = ttl == '-1' and '-1' or int(now + tonumber(ttl))
  -- First of all what Redis refuses when its memory is full.
  redis.call('HSET', LEASES, name, generation .. ' ' .. ends .. ' ' .. value)
  if forget == '-1' then redis.call('ZREM', FORGOTTEN, name)
  else redis.call('ZADD', FORGOTTEN, int(now + tonumber(forget)), name) end
  tidy()
  bound()
end
`;

/** KEYS 3: what remembers the result of this very call. */
const ONLY_ONCE = `
local prior = redis.call('GET', KEYS[3])
if prior then return prior end
local function remember(reply)
  redis.call('SET', KEYS[3], reply, 'PX', ${ONCE})
  return reply
end
`;

/**
 * ARGV: name, value, when it ends, when it is forgotten, generation of a first holder. Gives `generation`, and of who had
 * it `generation expired value`; 0 if nobody had.
 */
export const TAKE: Script = script(
  TIME,
  LEASES,
  ONLY_ONCE,
  `
local generation, ends, value = held(ARGV[1])
if not generation then
  put(ARGV[1], ARGV[5], ARGV[3], ARGV[4], ARGV[2])
  return remember(ARGV[5] .. ' 0 0 ')
end
local expired = (ends ~= '-1' and tonumber(ends) <= now) and '1' or '0'
local own = int(tonumber(generation) + 1)
put(ARGV[1], own, ARGV[3], ARGV[4], ARGV[2])
return remember(own .. ' ' .. generation .. ' ' .. expired .. ' ' .. value)
`,
);

/** ARGV: name, generation, when it ends, when it is forgotten, and a value if it changes. Gives 1 if it is prolonged. */
export const RENEW: Script = script(
  TIME,
  LEASES,
  `
local generation, ends, value = held(ARGV[1])
if generation ~= ARGV[2] then return 0 end
put(ARGV[1], generation, ARGV[3], ARGV[4], ARGV[5] or value)
return 1
`,
);

/** ARGV: name, generation. Gives 1 if it was this one's. */
export const RELEASE: Script = script(
  TIME,
  LEASES,
  ONLY_ONCE,
  `
if held(ARGV[1]) ~= ARGV[2] then return remember('0') end
redis.call('HDEL', LEASES, ARGV[1])
redis.call('ZREM', FORGOTTEN, ARGV[1])
tidy()
bound()
return remember('1')
`,
);

/** Gives the time, names and leases in turn, and names of those that are forgotten. Writes nothing: a replica may be asked. */
export const HELD: Script = script(
  TIME,
  `
local over = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', int(now))
return { int(now), redis.call('HGETALL', KEYS[1]), over }
`,
);
