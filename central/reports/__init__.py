"""Reports for the city: statements, the year's CO2, the disaster record, completeness; on paper, as CSV and as JSON."""
