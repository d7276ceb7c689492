-- Gives the store a fresh id and a higher epoch, and says that it is adopted, if it is as it was seen.
-- ARGV: the id that was seen, a fresh one, an order without a job. Returns what the store says of
-- itself then.
local seen, fresh, order = word(), word(), read_order('adopt')
if fleet.id == seen then
  fleet.id, fleet.epoch, fleet.adopted = fresh, fleet.epoch + 1, '1'
  save()
  put_on_record(order)
end
return info()
