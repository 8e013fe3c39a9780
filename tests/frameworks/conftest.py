"""Each file is collected where its framework is installed: see ``make check-frameworks``."""

from importlib.util import find_spec

NEEDS = {
    "test_langchain.py": "langchain_tests",
    "test_llama_index.py": "llama_index",
    "test_haystack.py": "haystack",
    "test_mcp.py": "mcp",
    "test_trackers.py": "mlflow",
}
collect_ignore = [file for file, module in NEEDS.items() if find_spec(module) is None]
