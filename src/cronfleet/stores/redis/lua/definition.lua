-- A definition.
-- ARGV: its digest. Returns its JSON, or nothing.
return call('HGET', BASE .. 'definitions', word())
