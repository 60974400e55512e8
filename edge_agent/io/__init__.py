"""What touches the world: Modbus, the outbox file, the broker."""
