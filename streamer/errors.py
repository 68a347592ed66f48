"""What can go wrong, as types. The command line prints one line for each and exits with 2.

::

    StreamerError
    |-- ConfigError        a setting, flag, preset or YAML file is wrong
    |-- MissingExtra       an optional package is not installed; the message gives the command that installs it
    |-- SourceError        a camera or file cannot be opened or read
    |-- SinkError          an output cannot be created or written
    |-- WeightsError       network weights are missing, damaged or of another network
    |-- EnrolmentError     no profile comes of it: the recordings do not do, or the new weights are no better
    |-- SegmentationError  the matte cannot be computed (device missing, runtime failed, result unusable)
    `-- GenerationError    a background plate cannot be generated
        `-- GenerationCancelled  it was given up because nobody wants it any more

Every message is one sentence or two for the person at the keyboard: what is wrong, with the value, and how to mend it.
"""


class StreamerError(Exception):
    """Base of every error that the program explains in one line."""


class ConfigError(StreamerError):
    """A setting is wrong; the message names the value and the allowed ones."""


class MissingExtra(StreamerError):  # noqa: N818 - the word says it
    """An optional package is missing; the message holds the exact ``pip install`` line."""


class SourceError(StreamerError):
    """A camera or file cannot be opened or read."""


class SinkError(StreamerError):
    """An output cannot be created or written."""


class WeightsError(StreamerError):
    """Network weights are missing, damaged or belong to another network."""


class EnrolmentError(StreamerError):
    """No profile comes of an enrolment: what was recorded does not do, or the new weights are no better."""


class SegmentationError(StreamerError):
    """The matte of a frame cannot be computed."""


class GenerationError(StreamerError):
    """A background plate cannot be generated."""


class GenerationCancelled(GenerationError):  # noqa: N818 - an end, not an error
    """A plate was given up before it was done: a newer one is wanted, or the program ends."""
