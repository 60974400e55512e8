"""The commands of ``shelter-edge``, one a file; each has a function ``register`` that adds it."""
