"""What the library costs, measured; `python -m benchmarks.converge` says how it compares."""
