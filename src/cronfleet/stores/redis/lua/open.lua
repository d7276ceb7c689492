-- Opens the store; the first to come makes it.
-- ARGV: a fresh store id, the schema that is known here, '1' if scripts may ask the server.
-- Returns what the store says of itself.
local id, schema = word(), number()
if not fleet.id then
  fleet.id, fleet.epoch, fleet.schema = id, 1, schema
end
notice_failover()
save()
return info()
