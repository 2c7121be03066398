"""A class travels with its text: what was released is recognised when it comes back."""

from befit.knowledge.released.carries import Carries
from befit.knowledge.released.mark import Mark
from befit.knowledge.released.released import Released, ReleasedText
from befit.knowledge.released.store import KeptPrints, ReleasedStore

__all__ = ["Carries", "KeptPrints", "Mark", "Released", "ReleasedStore", "ReleasedText"]
