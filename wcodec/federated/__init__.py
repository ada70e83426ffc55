"""Models between many machines: Flower (`wcodec.federated.flower`)."""
