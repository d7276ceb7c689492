"""All faults that are planted."""

from __future__ import annotations

from collections.abc import Sequence

from cronfleet_verify.selftest import faults_at_work, faults_on_record, planting

MODULES = (faults_at_work, faults_on_record)
CORRUPTIONS: Sequence[planting.Corruption] = planting.PLANTED
