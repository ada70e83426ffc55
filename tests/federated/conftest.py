"""Flower where it is installed; elsewhere a stand-in for the few classes that the adapter touches.

Flower pins much and has an environment of its own (`make test-flower`), so the suite proper runs the adapter on the
stand-in: records are dicts, messages carry content or an error, a grid calls client apps in this process. It checks
what wcodec does, not what Flower does; tests/federated/test_loopback.py runs the real thing.
"""

import hashlib
import importlib.util
import sys
import types
import warnings
from abc import ABC
from contextlib import suppress

import numpy as np
import pytest


class Array:
    def __init__(self, ndarray=None, *, dtype=None, shape=None, stype=None, data=None):
        if ndarray is not None:
            dtype, shape, stype, data = str(ndarray.dtype), ndarray.shape, "numpy.ndarray", ndarray.tobytes()
        self.dtype, self.shape, self.stype, self.data = dtype, tuple(shape), stype, data

    def numpy(self):
        if self.stype != "numpy.ndarray":
            raise TypeError(f"unsupported serialization type: {self.stype}")
        return np.frombuffer(self.data, self.dtype).reshape(self.shape).copy()


class ArrayRecord(dict):
    @property
    def object_id(self):
        parts = [f"{k}{a.dtype}{a.shape}{a.stype}".encode() + a.data for k, a in self.items()]
        return hashlib.sha256(b"".join(parts)).hexdigest()


class ConfigRecord(dict):
    pass


class MetricRecord(dict):
    pass


class RecordDict(dict):
    pass


class Context:
    def __init__(self):
        self.state = RecordDict()


class Error:
    def __init__(self, code, reason=None):
        self.code, self.reason = code, reason


class Metadata:
    def __init__(self, source, destination, message_type):
        self.src_node_id, self.dst_node_id, self.message_type = source, destination, message_type
        self.ttl, self.group_id = 3600.0, ""


class Message:
    def __init__(
        self, content=None, dst_node_id=None, message_type=None, *, ttl=None, group_id=None, reply_to=None, error=None,
        metadata=None,
    ):  # fmt: skip
        if reply_to is not None:
            to = reply_to.metadata
            metadata = Metadata(to.dst_node_id, to.src_node_id, to.message_type)
        self.metadata = metadata or Metadata(0, dst_node_id, message_type)
        self._content, self._error = content, error

    @property
    def content(self):
        if self._content is None:
            raise ValueError("Message content is None")
        return self._content

    @content.setter
    def content(self, value):
        self._content = value

    @property
    def error(self):
        return self._error

    def has_content(self):
        return self._content is not None

    def has_error(self):
        return self._error is not None


class Grid(ABC):  # noqa: B024
    pass


STAND_INS = (Array, ArrayRecord, ConfigRecord, Context, Error, Message, MetricRecord, RecordDict)


@pytest.fixture(scope="session")
def flower():
    """The adapter, and the classes of flwr.app that it uses."""
    if importlib.util.find_spec("flwr") is None:
        package, app, server = (types.ModuleType(n) for n in ("flwr", "flwr.app", "flwr.serverapp"))
        for cls in STAND_INS:
            setattr(app, cls.__name__, cls)
        server.Grid = Grid
        sys.modules |= {"flwr": package, "flwr.app": app, "flwr.serverapp": server}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Flower imports
        from wcodec.federated import flower as adapter
    with suppress(ImportError):  # messages ask which task makes them
        from flwr.supercore.task_identity import TaskIdentity

        TaskIdentity._run_id = TaskIdentity._node_id = TaskIdentity._task_id = 1
    return adapter
