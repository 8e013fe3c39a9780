"""Arguments and results are checked against their annotations whenever the tests run."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))  # where a float is due, 1 will do
