-- Sets a named value once.
-- ARGV: name, value. Returns the value that stands.
local name, value = word(), word()
call('HSETNX', BASE .. 'notes', name, value)
return call('HGET', BASE .. 'notes', name)
