"""The trainings are collected where PyTorch is installed: see ``make check-training``."""

from importlib.util import find_spec

collect_ignore_glob = []
if find_spec("torch"):
    import torch

    torch.set_num_threads(1)  # on tables so small a second thread waits more than it works
else:
    collect_ignore_glob.append("test_*.py")
