"""What metrics there are, asked of an instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from cronfleet import Scheduler
from cronfleet.integrations.prometheus import Metrics

SUFFIXES = {"counter": "_total", "info": "_info"}


async def labels_by_metric() -> Mapping[str, set[str]]:
    """Every metric by the name that a query starts from, with the labels that it may have."""
    metrics = Metrics(Scheduler("memory:"))
    text = (await metrics.text()).decode()
    infos = {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.endswith("_info")
    }
    collectors: Any = metrics.registry._collector_to_names
    return {
        name: infos.get(name, set(collector._labelnames))
        for collector in collectors
        for family in collector.describe()
        for name in [family.name + SUFFIXES.get(family.type, "")]
    }


async def labels_by_series() -> Mapping[str, set[str]]:
    """Every name that a query may ask for: of a histogram its buckets, sum and count, too."""
    found = dict(await labels_by_metric())
    for name, labels in list(found.items()):
        found |= {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
    return found
