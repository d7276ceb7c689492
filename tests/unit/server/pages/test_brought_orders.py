"""Forms of an application's page: who may send them, and from where."""

from __future__ import annotations
