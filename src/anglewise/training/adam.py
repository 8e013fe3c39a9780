"""Adam that touches only the rows of a step (arXiv 1412.6980; lazy as in sparse Adam)."""

from dataclasses import dataclass
from typing import Any

FIRST, SECOND, SMALL = 0.9, 0.99, 1e-8


@dataclass(eq=False)
class Adam:
    """A tensor that is learned, with the running means of its gradient and its square.

    ``means`` and ``squares`` have the shape of ``values``. Rows that a step does not touch keep
    all three as they are, so a step costs what its rows cost, however many others there are.
    """

    values: Any
    means: Any
    squares: Any
    taken: int = 0

    def step(self, gradient: Any, learning_rate: float, rows: Any) -> None:
        """Move some rows down their gradient."""
        self.taken += 1
        mean = self.means[rows] * FIRST + gradient * (1 - FIRST)
        square = self.squares[rows] * SECOND + gradient * gradient * (1 - SECOND)
        self.means[rows], self.squares[rows] = mean, square
        ahead = mean / (1 - FIRST**self.taken)
        spread = (square / (1 - SECOND**self.taken)).sqrt()
        self.values[rows] = self.values[rows] - learning_rate * ahead / (spread + SMALL)
