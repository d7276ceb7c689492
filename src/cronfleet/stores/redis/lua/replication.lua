-- Whether scripts may ask the server about its replication.
-- Returns what it says, or fails.
return call('INFO', 'replication')
