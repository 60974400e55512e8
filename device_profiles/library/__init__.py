"""One YAML file for each device family."""
