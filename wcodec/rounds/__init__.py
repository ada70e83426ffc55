"""Rounds of a federation: a model broadcast as small differences, updates sent back as small differences.

    server = Broadcaster()                               client = Follower()
    server.publish(arrays)                               arrays = client.receive(packet)
    packet = server.packet(client_id)                    update = client.update(trained, Rate())
    trained = server.receive(client_id, update)

Both ends hold the same model, bit for bit, on every machine; what rounding leaves over goes into the next difference.
`wcodec.federated.flower` puts this into Flower. format_spec/messages.md is the specification, docs/notes/federated.md
gives the reasons and the sources.
"""

from .broadcaster import Broadcaster, Plan
from .follower import Follower
from .rounding import Rounding
from .schema import Role, Schema, TensorSpec
from .sender import Rate

__all__ = ["Broadcaster", "Follower", "Plan", "Rate", "Role", "Rounding", "Schema", "TensorSpec"]
