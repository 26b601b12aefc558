"""One script for each claim; see experiments/README.md."""
