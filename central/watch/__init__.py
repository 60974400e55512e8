"""Watching over the plants: gathers readings, keeps alerts, tells of them."""
