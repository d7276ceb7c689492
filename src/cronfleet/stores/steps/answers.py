"""What orders were answered: each is done once under one key, and all of it is on record."""

from __future__ import annotations

from cronfleet.model import AuditRecord, JobName
from cronfleet.store import KEY_KEPT_MS, MOST_AUDIT, Order
from cronfleet.stores.steps.records import Records


def earlier_answer(records: Records, verb: str, about: str, order: Order) -> str | None:
    """What the order was answered before; `about` is the job or the run that it names."""
    records.drop_answers_before(records.now - KEY_KEPT_MS)
    return records.answer_to(f"{verb} {about} {order.key}")


def remember(
    records: Records, verb: str, job: JobName, order: Order, answer: str = "done", about: str = ""
) -> None:
    """Keep the answer under the order's key, and put the order on record."""
    records.put_answer(f"{verb} {about or job} {order.key}", answer)
    records.put_audit(AuditRecord(records.now, verb, job, order.who, order.why))
    records.drop_audit_beyond(MOST_AUDIT)
