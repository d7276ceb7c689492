"""Applications on the public API: what one can build with it, and useful as they stand."""
