-- A definition.
-- ARGV: its digest. Returns it in the form in which it was declared, or nothing.
return call('HGET', place_of_definition(word()))
