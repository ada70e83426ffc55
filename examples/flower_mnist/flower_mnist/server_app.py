"""The server app: any strategy, on a grid that packs."""

import json
from dataclasses import asdict
from pathlib import Path

from flwr.app import Array, ArrayRecord, ConfigRecord, Context
from flwr.serverapp import Grid, ServerApp, strategy

from flower_mnist import checkpoint, digits, network
from flower_mnist.checkpoint import Checkpoint
from wcodec.federated.flower import WczGrid
from wcodec.rounds import Plan, Rate

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    config = context.run_config
    rounds, saved = int(config["num-server-rounds"]), str(config["checkpoint"])
    resumed = checkpoint.load(saved)
    start = resumed or Checkpoint(0, network.start(int(config["seed"])))
    arrays = _to_record(start.weights)
    if config["packed"]:
        rate = Rate(float(config["coarseness"]))
        if resumed:  # a trained model is worth a fine first frame
            grid = WczGrid(grid, Plan(rate=rate))
        else:
            grid = WczGrid(grid, Plan(rate=rate, frame_fraction=float(config["frame-fraction"])))
            arrays = grid.begin(arrays)  # a random start may as well be a rounded one
    accuracies: list[float] = []

    def mean_metrics(contents, weighted_by):
        metrics = strategy.strategy_utils.aggregate_metricrecords(contents, weighted_by)
        accuracies.append(max(float(content["metrics"]["accuracy"]) for content in contents))
        return metrics

    def save(number, record):
        if saved and number:
            checkpoint.save(saved, Checkpoint(start.rounds + number, _to_weights(record)))

    nodes = int(config["nodes"])
    everyone = {"min_train_nodes": nodes, "min_available_nodes": nodes, "fraction_evaluate": 0.0}
    chosen = getattr(strategy, str(config["strategy"]))(**everyone, train_metrics_aggr_fn=mean_metrics)
    result = chosen.start(
        grid=grid,
        initial_arrays=arrays,
        num_rounds=rounds - start.rounds,
        timeout=float(config["timeout"]),
        train_config=ConfigRecord({"rounds-before": start.rounds}),
        evaluate_fn=save,
    )
    final = _to_weights(result.arrays) or start.weights  # empty where no round came about
    images, labels = digits.load(str(config["data"])).test
    test = digits.scaled(images), labels
    report = {"strategy": config["strategy"], "packed": config["packed"], "rounds": rounds, "traffic": []}
    report |= {"resumed_after": start.rounds, "accuracies": [*accuracies[1:], network.accuracy(final, *test)]}
    if config["packed"]:
        grid.broadcasters["arrays"].publish(final)
        report["accuracies"][-1] = network.accuracy(grid.held(), *test)
        report["traffic"] = [asdict(t) | {"ratio": t.ratio} for t in grid.traffic]
    if config["report"]:
        Path(str(config["report"])).write_text(json.dumps(report))


def _to_record(weights):
    return ArrayRecord({name: Array(weight) for name, weight in weights.items()})


def _to_weights(record):
    return {name: array.numpy() for name, array in record.items()}
