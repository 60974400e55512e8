"""``python -m edge_agent`` is ``shelter-edge``."""

from edge_agent.cli import main

if __name__ == "__main__":
    main()
