"""Open data over HTTP: lists of shelters, alerts in CAP, and the import of the municipal list."""
