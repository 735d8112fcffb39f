-- What every script of the pace begins with: its keys, the limits, the time, and the state that all workers share.
--
-- Times are whole microseconds: exact in a double, as fractions of a second are not.
-- ARGV[1] holds the limits as JSON, ARGV[2] a simulated time or nothing.

local STATE, HOLDS, PROBES = KEYS[1], KEYS[2], KEYS[3]
local limits = cjson.decode(ARGV[1])

local SECOND = 1000000
local IDLE = 3600 * SECOND
local FIELDS = {
  "seen", "offset", "serial", "tat", "warm_until", "closed_until", "open", "failures", "cool_down", "retry_at",
}

-- Lua's own way of writing numbers keeps 14 digits, and a time has 16.
local function text(number)
  return string.format("%.17g", number)
end

local function read_state()
  local values = redis.call("HMGET", STATE, unpack(FIELDS))
  local state = { known = values[1] ~= false }
  for i, field in ipairs(FIELDS) do
    state[field] = tonumber(values[i] or 0)
  end
  return state
end

-- A clock set back would keep everything held for as long as it was set back; so ours stands still instead, and then
-- goes on at the clock's rate.
local function time_of(state)
  local raw = tonumber(ARGV[2])
  if not raw then
    local time = redis.call("TIME")
    raw = time[1] * SECOND + time[2]
  end
  if raw + state.offset < state.seen then
    state.offset = state.seen - raw
  end
  return raw + state.offset
end

-- Without a state nobody knows what was sent in the last window, nor what is on its way.
local function open_state()
  local state = read_state()
  local now = time_of(state)
  if not state.known then
    state.warm_until = limits.quota > 0 and now + limits.window + limits.grace or now
  end
  return state, now
end

local function save_state(state, now)
  state.seen = now
  local pairs_of = {}
  for _, field in ipairs(FIELDS) do
    pairs_of[#pairs_of + 1] = field
    pairs_of[#pairs_of + 1] = text(state[field])
  end
  redis.call("HSET", STATE, unpack(pairs_of))
  local silence = math.max(0, state.closed_until - now, state.retry_at - now)
  local life = IDLE + silence + limits.transit + limits.longest_cool_down + limits.window
  for _, key in ipairs({ STATE, HOLDS, PROBES }) do
    redis.call("PEXPIRE", key, string.format("%.0f", life / 1000))
  end
end

-- Until when nobody may send, and why; of several reasons the one that lasts longest.
local function silence_of(state)
  local silences = {
    { state.warm_until, "warming_up" },
    { state.closed_until, "throttled" },
    { state.open == 1 and state.retry_at or 0, "outage" },
  }
  local longest = silences[1]
  for _, silence in ipairs(silences) do
    if silence[1] > longest[1] then
      longest = silence
    end
  end
  return longest[1], longest[2]
end
