"""What is measured rather than checked: ``python -m tests.benchmarks``; see ``docs/performance.md``."""
