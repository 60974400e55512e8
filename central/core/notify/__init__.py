"""Who is told of what, when, and again: decided over values. Pure."""
