"""Benchmarks that anyone can run; each prints one JSON object on its last line."""
