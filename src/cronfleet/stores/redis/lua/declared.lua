-- Whether definitions are in the manifest of any open session.
-- ARGV: digests. Returns 1 or 0 for each.
local manifests, seen = {}, {}
for _, session in ipairs(find_sessions()) do
  if not seen[session.manifest] then
    seen[session.manifest] = true
    manifests[#manifests + 1] = call('GET', key('manifest', session.manifest)) or ''
  end
end

local function is_declared(digest)
  for _, digests in ipairs(manifests) do
    if string.find(digests, ' ' .. digest .. ' ', 1, true) then
      return 1
    end
  end
  return 0
end

local answers = {}
while has_words() do
  answers[#answers + 1] = is_declared(word())
end
return answers
