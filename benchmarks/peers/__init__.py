"""What people would use instead: the peers that the benchmarks hold this project to."""
