-- Ends a session: ARGV[2]. Returns 1.
drop_session(ARGV[2])
return 1
