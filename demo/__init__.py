"""The whole city on one machine, in one command."""
