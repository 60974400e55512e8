"""How the relational tables came to be, step by step; run by Records.open."""
