"""All targets, each with its share of the inputs.

A spelling takes some 0.05 ms, a file 2 ms, a page 5 ms and a command 50 ms, so commands are few:
most of what a command can stumble over is in the readers and parsers that it calls.
"""

from fuzz.commands import COMMAND
from fuzz.pages import PAGE
from fuzz.readers import READER
from fuzz.spelled import SPELLING
from fuzz.target import Target

TARGETS: dict[str, Target] = {one.name: one for one in (SPELLING, READER, PAGE, COMMAND)}
