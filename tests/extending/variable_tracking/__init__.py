"""Variable tracking for evalkit: a benchmark, a metric, a judge and a backend, each through one entry point."""
