"""Energy by half hours from counters, months that are closed, prices, factors: exact and pure."""
