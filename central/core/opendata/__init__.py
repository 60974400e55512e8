"""What the city gives away to everybody: lists of shelters, alerts, and what comes in as such a list. Pure."""
