"""What the agent decides. Pure: values and a time in, values out."""
