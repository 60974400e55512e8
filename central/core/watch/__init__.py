"""Watching over plants between disasters: what rules look at, when they raise an alert, what belongs together. Pure."""
