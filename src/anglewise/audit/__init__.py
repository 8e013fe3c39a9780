"""Is it real? The conductor of the audit, and what it returns."""

from anglewise.audit.agreement import Agreement, Moved
from anglewise.audit.certified import Certificates
from anglewise.audit.conduct import audit
from anglewise.audit.freedom import Reading
from anglewise.audit.names import Named
from anglewise.audit.pairs import Interval, PairReport
from anglewise.audit.path import GaugePath
from anglewise.audit.result import Audit
from anglewise.audit.runs import RunReport, SideRun
from anglewise.audit.verdict import Fate, Verdict
from anglewise.audit.witnessed import WitnessReport

__all__ = [
    "Agreement",
    "Audit",
    "Certificates",
    "Fate",
    "GaugePath",
    "Interval",
    "Moved",
    "Named",
    "PairReport",
    "Reading",
    "RunReport",
    "SideRun",
    "Verdict",
    "WitnessReport",
    "audit",
]
