"""Where a library is missing, the message names the extra that brings it."""

import sys

import pytest

from anglewise.errors import MissingExtraError
from anglewise.integrations import mteb, sentence_transformers
from anglewise.integrations.mcp_server import serve
from anglewise.integrations.readable_folder import ReadableFolder
from cli_run import anglewise, refused

__all__ = ["anglewise"]


def hide(monkeypatch, *modules):
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


def test_an_evaluator_needs_sentence_transformers(monkeypatch):
    hide(monkeypatch, "sentence_transformers", "sentence_transformers.base.evaluation")
    sentence_transformers.evaluator_class.cache_clear()
    with pytest.raises(
        MissingExtraError, match=r"pip install 'anglewise\[sentence-transformers\]'"
    ):
        _ = sentence_transformers.SimilarityEvaluator
    with pytest.raises(AttributeError):
        _ = sentence_transformers.Evaluator


def test_a_task_needs_mteb(monkeypatch, tmp_path):
    hide(monkeypatch, "mteb", "mteb.abstasks.retrieval", "mteb.models.model_meta")
    with pytest.raises(MissingExtraError, match=r"pip install 'anglewise\[mteb\]'"):
        mteb.retrieval_task(tmp_path, "Local")
    with pytest.raises(MissingExtraError, match=r"pip install 'anglewise\[mteb\]'"):
        _ = mteb.MtebEncoder(lambda texts: [[1.0]] * len(texts), "dot").mteb_model_meta


def test_a_server_needs_the_sdk(monkeypatch, tmp_path, anglewise):
    hide(monkeypatch, "mcp", "mcp.server.lowlevel")
    with pytest.raises(MissingExtraError, match=r"pip install 'anglewise\[mcp\]'"):
        serve(ReadableFolder.at(tmp_path))
    assert refused(anglewise("mcp", "--root", tmp_path), "anglewise[mcp]")


def test_an_encoder_of_ours_scores_without_mteb():
    model = mteb.MtebEncoder(lambda texts: [[float(len(text)), 1.0] for text in texts], "cosine")
    batches = [{"text": ["a", "heist"]}, {"text": ["in"]}]
    assert model.encode(batches).tolist() == [[1.0, 1.0], [5.0, 1.0], [2.0, 1.0]]
    with pytest.raises(Exception, match="fitted on the whole corpus"):
        mteb.MtebEncoder("use", "cosine@centred")
    with pytest.raises(Exception, match="this encoder reads texts"):
        model.encode([{"image": [1]}])
