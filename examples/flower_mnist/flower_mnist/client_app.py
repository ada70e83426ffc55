"""The client app: plain SGD on its share of the digits."""

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from flower_mnist import digits, network
from wcodec.federated.flower import WczMod
from wcodec.rounds import Rate


def wcz_mod(message, context, call_next):
    """Where the default rate will do, `from wcodec.federated.flower import wcz_mod` is all; this one is of the run."""
    return WczMod(Rate(float(context.run_config["coarseness"])))(message, context, call_next)


app = ClientApp(mods=[wcz_mod])


@app.train()
def train(message: Message, context: Context) -> Message:
    partition, partitions = (int(context.node_config[key]) for key in ("partition-id", "num-partitions"))
    seed, config = int(context.run_config["seed"]), message.content["config"]
    number = int(config["rounds-before"]) + int(config["server-round"])
    data = digits.load(str(context.run_config["data"]))
    weights = {name: array.numpy() for name, array in message.content["arrays"].items()}
    metrics = {"num-examples": 0, "accuracy": 0.0}
    if partition == 0:  # of the model that clients hold
        metrics["accuracy"] = network.accuracy(weights, digits.scaled(data.test[0]), data.test[1])
    mine = digits.dirichlet_split(data.train[1], partitions, 0.3, seed + 100)[partition]
    metrics["num-examples"] = len(mine)
    batches = np.random.default_rng([seed, number, partition])
    for _ in range(50):
        batch = batches.choice(mine, 32)
        network.sgd_step(weights, digits.scaled(data.train[0][batch]), data.train[1][batch], learning_rate=0.2)
    arrays = ArrayRecord({name: Array(weight) for name, weight in weights.items()})
    return Message(RecordDict({"arrays": arrays, "metrics": MetricRecord(metrics)}), reply_to=message)
