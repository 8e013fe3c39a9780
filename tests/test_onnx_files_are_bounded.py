"""An ONNX file may be a stranger's: bounded in time and memory, and it says nothing raw."""

import os
import signal
import threading

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from anglewise.encoders import onnx_session
from anglewise.encoders.onnx_session import open_session, run
from anglewise.errors import EncoderError

FEED = {"x": np.ones((2, 4), np.float32)}


def constant(name, value):
    return numpy_helper.from_array(np.asarray(value), name)


def model(path, nodes, constants=()):
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "g",
        [info("x", TensorProto.FLOAT, ["n", 4])],
        [info("y", TensorProto.FLOAT, ["n", 4])],
        list(constants),
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    made.ir_version = 8
    save(made, path)
    return open_session(path)


def endless(path):
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["v"], ["w"])],
        "turn",
        [
            info("turn", TensorProto.INT64, []),
            info("go", TensorProto.BOOL, []),
            info("v", TensorProto.FLOAT, ["n", 4]),
        ],
        [info("on", TensorProto.BOOL, []), info("w", TensorProto.FLOAT, ["n", 4])],
    )
    loop = helper.make_node("Loop", ["turns", "true", "x"], ["y"], body=body)
    return model(path, [loop], [constant("turns", 2**62), constant("true", True)])


def test_a_model_that_never_ends_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_session, "LONGEST", 0.5)
    with pytest.raises(EncoderError, match="took more than"):
        run(endless(tmp_path / "m.onnx"), "y", FEED)


@pytest.mark.skipif(os.name == "nt", reason="other signals there")
def test_ctrl_c_ends_a_model(tmp_path, request):
    # what runs in the background of a shell begins without a handler of Ctrl-C
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    session = endless(tmp_path / "m.onnx")
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        run(session, "y", FEED)


def test_a_model_takes_no_more_memory_than_is_allowed(tmp_path, monkeypatch):
    monkeypatch.setenv("ANGLEWISE_MEMORY", "200MB")
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["c"]),
        helper.make_node("ReduceSum", ["c"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    session = model(tmp_path / "m.onnx", nodes, [constant("shape", [1000, 1000, 1000])])
    with pytest.raises(EncoderError, match=r"more memory than the 200 MB allowed"):
        run(session, "y", FEED)


def test_names_in_a_model_do_not_reach_the_terminal(tmp_path, capfd):
    nodes = [helper.make_node("Identity", ["x"], ["y"], name="\x1b]0;P\x07")]
    unused = [constant("\x1b]0;PWN\x07\x1b[31mevil", np.ones(3, np.float32))]
    assert np.array_equal(run(model(tmp_path / "m.onnx", nodes, unused), "y", FEED), FEED["x"])
    assert capfd.readouterr() == ("", "")
