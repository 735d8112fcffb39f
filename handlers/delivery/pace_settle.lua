-- Takes verdicts on tokens: ARGV[3] is how long the provider asked for silence, then token, verdict, token, verdict, ...

local state, now = open_state()

local tokens = {}
for i = 4, #ARGV, 2 do
  tokens[#tokens + 1] = ARGV[i]
end
local scores = #tokens > 0 and redis.call("ZMSCORE", HOLDS, unpack(tokens)) or {}
local unused, held = {}, {}

-- When a token is released whose first verdict is this. One that is not held any more was given out before Redis lost
-- its data: it may have reached the provider a moment ago, so it is held from now on.
local function release_of(verdict, latest)
  local release = latest
  if verdict ~= "unanswered" then
    release = math.min(latest, now + limits.window)
  end
  -- No verdict leaves the release where the departure put it: that tells the first verdict on a token from the second.
  return release == latest and latest + 1 or release
end

local function settle(token, verdict, score)
  local departure = tonumber(string.match(token, "^%d+"))
  local latest = departure + limits.transit + limits.window
  local first = score == latest
  if score and not first then
    return
  end
  if first then
    hear_verdict(state, now, token, departure, verdict)
  end
  if verdict ~= "unused" then
    held[#held + 1] = text(release_of(verdict, latest))
    held[#held + 1] = token
  elseif first then
    unused[#unused + 1] = token
  end
end

for i, token in ipairs(tokens) do
  settle(token, ARGV[3 + 2 * i], tonumber(scores[i] or nil))
end
if #unused > 0 then
  redis.call("ZREM", HOLDS, unpack(unused))
end
if #held > 0 then
  redis.call("ZADD", HOLDS, unpack(held))
end
state.closed_until = math.max(state.closed_until, now + tonumber(ARGV[3]))
save_state(state, now)
