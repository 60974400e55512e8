"""What registers mean: profiles, codec, read planner. Used by edge_agent and simulator; central never needs it."""
