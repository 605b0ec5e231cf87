"""What is measured rather than checked; ``python -m tests.benchmarks NAME`` runs one."""
