"""From an unknown cabinet to a signed report: scan, identify, check, control test, report."""
