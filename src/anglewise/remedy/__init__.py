"""What to use instead of cosine? Candidates under one budget, each of which must win."""

from anglewise.remedy.conduct import remedy
from anglewise.remedy.result import Advice, Cost, Remedied, Remedy
from anglewise.remedy.winner import winner

__all__ = ["Advice", "Cost", "Remedied", "Remedy", "remedy", "winner"]
