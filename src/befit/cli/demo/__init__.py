"""The demo: a fictional company's work, played through the real spine."""

from befit.cli.demo.documents import DemoDocument
from befit.cli.demo.play import play_demo
from befit.cli.demo.stage import DemoPlan

__all__ = ["DemoDocument", "DemoPlan", "play_demo"]
