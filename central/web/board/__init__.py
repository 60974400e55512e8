"""The disaster board: what is on, opening an incident in three steps, receipts as they come, whom to visit."""
