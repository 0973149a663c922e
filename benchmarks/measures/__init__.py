"""What `benchmarks/durable.py` measures, a module each."""
