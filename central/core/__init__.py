"""What central decides. Pure: values and a time in, values out."""
