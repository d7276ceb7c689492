"""Schedulers under load: ours and others, each in processes of its own, with the same ticks due."""
