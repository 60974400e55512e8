"""Peak and demand control: what each shelter's half hours were, which target it can hold, how it stands now. Pure."""
