"""Alerts from outside: how they come in, and what is made of them."""
