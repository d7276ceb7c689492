"""One instance at work: what it claims, how it runs it, and how it watches the others."""

from __future__ import annotations
