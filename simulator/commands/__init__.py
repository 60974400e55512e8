"""Commands of ``shelter-sim``, one file each."""
