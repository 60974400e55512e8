"""The agent in a shelter: reads devices by Modbus, keeps what it read, tells the city by MQTT."""
