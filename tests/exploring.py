"""How far tests look that try what nobody thought of: always at the same few, or at as many new ones as one likes.

`make explore` sets STAKAZO_EXAMPLES.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

EXAMPLES = int(os.environ.get("STAKAZO_EXAMPLES", "0"))
"""Of each; 0 in the suite."""
DEEP = EXAMPLES > 0


def exploration(few: int, *, shrink: bool = True, **more: Any) -> settings:
    """So many examples in the suite. They take as long as they take, and what fails is found again by running again.

    Nothing is explained: for that every line that runs would be traced, in the application too.
    """
    return settings(
        max_examples=EXAMPLES or few,
        deadline=None,
        derandomize=not DEEP,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if shrink else [])],
        **more,
    )


def drive(machine: type[RuleBasedStateMachine], few: int, steps: int) -> None:
    """So many examples of a state machine in the suite, each of so many steps."""
    run_state_machine_as_test(machine, settings=exploration(few, stateful_step_count=steps))
