"""Shelters as physics, served as real Modbus devices. Synthetic by nature, and says so."""
