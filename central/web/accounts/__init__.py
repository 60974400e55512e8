"""Pages of people: signing in, one's own account, everybody's accounts, tokens, and the book of decisions."""
