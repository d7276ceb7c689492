"""Handlers in a process of their own: spawned for one run, minded by a thread, gone after it.

On this side of the wall stand `address` (where the other side finds the handler), `spawned` (the
process and its pipes), `minder` (a thread for each) and `verdict` (how it ended, in words). On the
other side stand `boot`, `keeper` (kills the group when told to, or when nobody is left to tell)
and `worker` (finds the handler and enters it). They talk JSON lines of a bounded length: `wire`.
"""
