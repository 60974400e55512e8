"""The city's side: takes readings in, stores each once, answers questions about them."""
