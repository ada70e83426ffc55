"""The server app: any strategy, on a grid that packs."""

import json
from dataclasses import asdict
from pathlib import Path

from flwr.app import Array, ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp, strategy

from flower_mnist import digits, network
from wcodec.federated.flower import WczGrid
from wcodec.rounds import Plan, Rate

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    config = context.run_config
    rounds = int(config["num-server-rounds"])
    arrays = ArrayRecord({name: Array(a) for name, a in network.start(int(config["seed"])).items()})
    if config["packed"]:
        rate = Rate(float(config["coarseness"]))
        grid = WczGrid(grid, Plan(rate=rate, frame_fraction=float(config["frame-fraction"])))
        arrays = grid.begin(arrays)  # a random start may as well be a rounded one
    accuracies: list[float] = []

    def mean_metrics(contents, weighted_by):
        metrics = strategy.strategy_utils.aggregate_metricrecords(contents, weighted_by)
        accuracies.append(max(float(content["metrics"]["accuracy"]) for content in contents))
        return metrics

    nodes = int(config["nodes"])
    everyone = {"min_train_nodes": nodes, "min_available_nodes": nodes, "fraction_evaluate": 0.0}
    chosen = getattr(strategy, str(config["strategy"]))(**everyone, train_metrics_aggr_fn=mean_metrics)
    result = chosen.start(grid=grid, initial_arrays=arrays, num_rounds=rounds, timeout=float(config["timeout"]))
    final = {name: array.numpy() for name, array in result.arrays.items()}
    test = digits.load(str(config["data"])).test
    report = {"strategy": config["strategy"], "packed": config["packed"], "rounds": rounds, "traffic": []}
    report["accuracies"] = [*accuracies[1:], network.accuracy(final, *test)]
    if config["packed"]:
        grid.broadcasters["arrays"].publish(final)
        report["accuracies"][-1] = network.accuracy(grid.held(), *test)
        report["traffic"] = [asdict(t) | {"ratio": t.ratio} for t in grid.traffic]
    if config["report"]:
        Path(str(config["report"])).write_text(json.dumps(report))
