"""What can go wrong with what a person brings.

Each message says what came, what was hoped for, and what to do.
"""


class AnglewiseError(Exception):
    """Something a person can mend; the command line shows its message alone and exits with 2."""


class ShapeError(AnglewiseError, ValueError):
    """Arrays whose sizes do not fit each other."""


class ValuesError(AnglewiseError, ValueError):
    """Numbers that cannot be used: not finite, not numeric, none at all."""


class WrongTypeError(AnglewiseError, TypeError):
    """An object of another kind than is due: a path for an array, a dense table for sparse."""


class IdsError(AnglewiseError, ValueError):
    """Ids that repeat, or that match nothing."""


class SpellingError(AnglewiseError, ValueError):
    """A measure, metric or option that is not spelled as any known one."""


class FileError(AnglewiseError, OSError):
    """A file that is missing, unreadable, truncated or not what its name promises."""


class MissingExtraError(AnglewiseError, ImportError):
    """An optional library is needed; the message names the extra that brings it."""


class TooFewError(AnglewiseError, ValueError):
    """Too few queries, items or judgements for what was asked."""


class EncoderError(AnglewiseError, RuntimeError):
    """An encoder that cannot be had, or that answers with something else than vectors."""


class TrainingError(AnglewiseError, RuntimeError):
    """A training that went astray: a loss that is not finite, a device without memory."""
