-- The circuit breaker: what the verdict on a request makes of it.
--
-- `retry_at` is when the latest cool-down ends. What departed earlier tells of the outage that is known already, so it
-- neither prolongs it, nor ends it, nor counts towards the next one; while the breaker is open, only probes depart later.

local function open_breaker(state, now, cool_down)
  state.open = 1
  state.cool_down = cool_down
  state.retry_at = now + cool_down
  redis.call("DEL", PROBES)
end

local function hear_success(state)
  state.failures = 0
  state.open = 0
end

local function hear_failure(state, now)
  state.failures = state.failures + 1
  if state.open == 1 then
    open_breaker(state, now, math.min(2 * state.cool_down, limits.longest_cool_down))
  elseif state.failures >= limits.failures then
    open_breaker(state, now, limits.cool_down)
  end
end

local function hear_verdict(state, now, token, departure, verdict)
  if departure < state.retry_at then
    return
  end
  if verdict == "success" then
    hear_success(state)
  elseif verdict == "failure" or verdict == "unanswered" then
    hear_failure(state, now)
  elseif state.open == 1 then
    redis.call("ZREM", PROBES, token)
  end
end

-- How many requests the breaker lets through now.
local function probes_left(now)
  redis.call("ZREMRANGEBYSCORE", PROBES, "-inf", text(now))
  return limits.probes - redis.call("ZCARD", PROBES)
end
