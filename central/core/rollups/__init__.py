"""What readers of InfluxDB (Grafana) are given beside raw readings: rows with names, made of values. Pure."""
