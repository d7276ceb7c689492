"""The faults, by what they are of.

Not every check has one. Some stand behind others, so that nothing can tell whether they are there:
those are in `equivalent.py`, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.mutants.faults.boundaries import BOUNDARIES
from tests.mutants.faults.claims import CLAIMS, STARTS
from tests.mutants.faults.jobs import EDITS, ORDERS, REMOVALS, TOKENS
from tests.mutants.faults.outbox import OUTBOX
from tests.mutants.faults.redis import REDIS_SCRIPTS, REDIS_SENDING
from tests.mutants.faults.resets import RESETS
from tests.mutants.faults.rules import LOCKS, MISFIRES, OVERLAPS, SHARDS
from tests.mutants.faults.runs import COMPLETIONS, LOSSES, RELEASES, RETRIES
from tests.mutants.faults.sessions import CLOSES, LEASES, RECONCILIATIONS, WATCHES
from tests.mutants.faults.sql import POSTGRES, SQLITE
from tests.mutants.mutant import Mutant

FAMILIES: Mapping[str, Sequence[Mutant]] = {
    "claims": CLAIMS,
    "starts": STARTS,
    "completions": COMPLETIONS,
    "releases": RELEASES,
    "losses": LOSSES,
    "retries": RETRIES,
    "closes": CLOSES,
    "watches": WATCHES,
    "leases": LEASES,
    "reconciliations": RECONCILIATIONS,
    "tokens": TOKENS,
    "edits": EDITS,
    "orders": ORDERS,
    "removals": REMOVALS,
    "misfires": MISFIRES,
    "overlaps": OVERLAPS,
    "shards": SHARDS,
    "locks": LOCKS,
    "resets": RESETS,
    "boundaries": BOUNDARIES,
    "SQLite": SQLITE,
    "PostgreSQL": POSTGRES,
    "Redis scripts": REDIS_SCRIPTS,
    "Redis sending": REDIS_SENDING,
    "outbox": OUTBOX,
}
