"""Settings that are nobody else's business."""

from __future__ import annotations

from pydantic import SecretStr

from cronfleet.masking import password_in


def secret_in(value: str) -> str:
    """Where a store is may be told; a page's address may itself be what lets people in."""
    is_of_store = "://" in value and not value.startswith("http")
    return password_in(value) if is_of_store else value


def revealed(secret: SecretStr | None) -> str | None:
    """What a secret setting holds, for the one who needs it: never for a line or an error."""
    return secret.get_secret_value() if secret else None
