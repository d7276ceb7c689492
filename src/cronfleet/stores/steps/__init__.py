"""The atomic steps of the store contract, written once over `Records`.

A store that can run Python inside its transaction (memory, a SQL database) lends its tables as
`Records` and calls these. They hold no state, do no I/O of their own, and may not wait.
"""

from __future__ import annotations
