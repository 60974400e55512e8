"""Pictures of the boards from a database's answers, for handbooks: without Grafana, and not in its exact look."""
