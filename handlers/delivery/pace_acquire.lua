-- Gives out up to ARGV[3] departures, as JSON: slots = [[token, departs in], ...], or why there are none and the wait.

local LONGEST_WAIT = SECOND

local state, now = open_state()
local last = now + limits.lead + limits.horizon

local function nothing(why, wait)
  save_state(state, now)
  return cjson.encode({ why = why, wait = math.ceil(math.min(wait, LONGEST_WAIT)) })
end

-- When held tokens are released, earliest first: as many as could have to be waited for.
local function releases_of(held, want)
  local releases = {}
  local needed = held + want - limits.quota
  if limits.quota > 0 and needed > 0 then
    local found = redis.call("ZRANGE", HOLDS, 0, needed - 1, "WITHSCORES")
    for i = 2, #found, 2 do
      releases[#releases + 1] = tonumber(found[i])
    end
  end
  return releases
end

-- Departures from `earliest` to `last`, and the first one that did not fit, with the release it waits for.
local function departures_of(want, earliest)
  local interval = limits.quota > 0 and limits.window / limits.quota or 0
  local held = redis.call("ZCARD", HOLDS)
  local releases = releases_of(held, want)
  local departures = {}
  while #departures < want do
    local departure = math.max(earliest, math.ceil(state.tat - (limits.burst - 1) * interval))
    local needed = held + #departures - limits.quota + 1
    local release = 0
    if limits.quota > 0 and needed > 0 then
      release = releases[needed] or math.huge
    end
    departure = math.max(departure, release)
    if departure > last then
      return departures, departure, release
    end
    state.tat = math.max(state.tat, departure) + interval
    departures[#departures + 1] = departure
  end
  return departures
end

local function give_out(departures)
  local slots, holds, probes = {}, {}, {}
  for _, departure in ipairs(departures) do
    state.serial = state.serial + 1
    local token = text(departure) .. ":" .. text(state.serial)
    slots[#slots + 1] = { token, departure - now }
    holds[#holds + 1] = text(departure + limits.transit + limits.window)
    holds[#holds + 1] = token
    probes[#probes + 1] = text(departure + limits.probe_patience)
    probes[#probes + 1] = token
  end
  redis.call("ZADD", HOLDS, unpack(holds))
  if state.open == 1 then
    redis.call("ZADD", PROBES, unpack(probes))
  end
  save_state(state, now)
  return cjson.encode({ slots = slots })
end

redis.call("ZREMRANGEBYSCORE", HOLDS, "-inf", text(now))

local silence, why = silence_of(state)
if silence > last then
  return nothing(why, silence - last)
end

local want = tonumber(ARGV[3])
if state.open == 1 then
  want = math.min(want, probes_left(now))
  if want <= 0 then
    return nothing("probing", limits.window / 10)
  end
end

local departures, next_departure, release = departures_of(want, math.max(now + limits.lead, silence))
if #departures > 0 then
  return give_out(departures)
end

-- A token in flight is released when its answer comes, which nobody knows, or at once when it was not used.
local wait = next_departure - last
if release > now + limits.window then
  wait = math.min(wait, limits.window / 50)
end
return nothing("quota", wait)
