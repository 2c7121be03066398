"""The leak test that ships: canaries planted, asked for by who may not have them, never seen."""

from befit.cli.leak_test.play import LeakTestPlan, run_leak_test
from befit.cli.leak_test.report import LeakTestDocument

__all__ = ["LeakTestDocument", "LeakTestPlan", "run_leak_test"]
