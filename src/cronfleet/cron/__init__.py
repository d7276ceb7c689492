"""What a cron expression means: pure, and with no idea of jobs or stores.

`parser` reads the text, `walls` finds the wall-clock times that it names, and `search` maps
them to instants in a time zone, clock changes included.
"""
