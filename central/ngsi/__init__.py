"""NGSI-LD over HTTP: entities, history and subscriptions of the shelters, read-only (docs/ngsi-ld.md)."""
