-- Definitions.
-- ARGV: their digests. Returns each in the form in which it was declared, or nothing in its place.
local found = {}
while has_words() do
  found[#found + 1] = call('HGET', place_of_definition(word()))
end
return found
