"""Why a tick did not run: what became of one fire time of a job, told from what is on record.

`gathering` reads the store, `asking` and `deciding` are pure, `wording` says it; `explaining` puts
them together.
"""
