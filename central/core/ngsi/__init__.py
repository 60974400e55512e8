"""NGSI-LD (ETSI GS CIM 009) without a socket: the city as entities, questions about them, and subscriptions."""
