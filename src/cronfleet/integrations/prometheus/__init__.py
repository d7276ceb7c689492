"""What an instance does and how its fleet fares, for Prometheus; needs the extra `metrics`."""

from __future__ import annotations

from cronfleet.integrations.prometheus.metrics import Metrics

__all__ = ["Metrics"]
