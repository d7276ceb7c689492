# Only forwards: everything is in dev.py, which needs no make.
.PHONY: setup run test check bench models

setup run test check bench models:
	@python3 dev.py $@
