"""What shelter and city agree on: points, topics, messages and their bytes. Pure; imports neither side."""
