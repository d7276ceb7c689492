"""Jobs that start a program: without a shell, in a group of its own, with an end that is sure."""
