"""Grafana's dashboards as code: queries, panels, boards, and what builds, checks and pushes them."""
