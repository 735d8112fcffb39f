-- Tells how things stand, as JSON, and changes nothing.

local state = read_state()
local now = time_of(state)

local function breaker()
  if state.open == 0 then
    return "closed"
  end
  return now < state.retry_at and "open" or "probing"
end

local function sent()
  local count = 0
  for _, token in ipairs(redis.call("ZRANGE", HOLDS, 0, -1)) do
    local departure = tonumber(string.match(token, "^%d+"))
    if departure <= now and departure > now - limits.window then
      count = count + 1
    end
  end
  return count
end

local silence, why = silence_of(state)
if silence <= now then
  why = breaker() == "probing" and "probing" or ""
end
-- A settled token is released within a window from now; only one without an answer is held for longer.
local in_flight = redis.call("ZCOUNT", HOLDS, "(" .. text(now + limits.window), "+inf")
return cjson.encode({
  breaker = breaker(),
  resumes_in = math.max(0, silence - now),
  why = why,
  failures = state.failures,
  in_flight = in_flight,
  sent = sent(),
})
