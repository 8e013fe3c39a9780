"""Which settings a folder may bring, by what they can do: each option of each command is here.

``anglewise.toml`` may come with data from a stranger, so that only what is listed is taken from it.
"""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


READS = _names(
    "allowed forbidden foreign image item-ids item-table item-texts items on qrels queries "
    "query-ids query-texts queue relevance runs spaces"
)
"""Files and folders that are read: any on this machine."""

WRITES = _names(
    "cache checkpoint disputes export history html json junit markdown output plot rejects run-out "
    "save save-witness store"
)
"""Files and folders that are written: inside the folder that brings the setting."""

YOURS = _names("encoder host key model url")
"""What runs code, opens a door, or says which server gets words and a key: the user's alone."""

PLAIN = _names(
    "at baseline batch budget by candidates chunk combine components condition depth "
    "device difference direction diversity epochs explain export-queries finalists format "
    "gain-column gate gauge graded grades hierarchy holdout id-column image-column item "
    "item-column judge judges k keep kind label label-queries learn-temperature learning-rate "
    "log-q measure measures messages metric metrics min-support min-weight most negatives no-cache "
    "normalise number objective open overlap pair pairs patience penalty popularity port prompt "
    "query query-column question quiet reasons recall resamples sample seed sequential share small "
    "source sources split strata strict temperature text text-column threshold time tolerance "
    "traffic trained-for unjudged used user validation variants vector-column weight witness"
)
"""Words and numbers that change what is computed and nothing else."""
