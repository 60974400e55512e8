"""What others tell of danger: telegrams as values, which of them holds, and what rules make of them. Pure."""
