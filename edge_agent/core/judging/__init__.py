"""Whether what the devices of a site say can be true: pure judgements over a short watch, one topic a file."""
