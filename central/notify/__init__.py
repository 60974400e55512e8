"""Messages to people: what has to be told is decided, written, sent and kept."""
