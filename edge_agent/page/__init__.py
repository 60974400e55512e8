"""The page on the cabinet's own network: for a technician with a phone. Loaded only when it is wanted."""
