"""What a deployment brings and a demo lacks."""
