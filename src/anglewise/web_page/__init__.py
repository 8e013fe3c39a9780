"""The local page: neighbours side by side, the gauge slider, judging by keyboard."""
