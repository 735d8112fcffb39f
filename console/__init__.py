"""The operator's side: command line, wiring, processes."""
