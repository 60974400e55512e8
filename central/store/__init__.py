"""Time series and decisions. All SQL and InfluxQL of central is here."""
