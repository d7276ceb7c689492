-- Ends a session. What it still holds is swept like a dead one's.
-- ARGV: session.
drop_session(word())
