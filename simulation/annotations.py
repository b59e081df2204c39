"""Annotations of constructor arguments: what a number may be. The configuration check reads them before it builds."""

import math
from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt

PositiveInt = Annotated[int, Ge(1), Lt(2**63)]
NonNegativeInt = Annotated[int, Ge(0), Lt(2**63)]
PositiveFloat = Annotated[float, Gt(0), Lt(math.inf)]
NonNegativeFloat = Annotated[float, Ge(0), Lt(math.inf)]
FiniteFloat = Annotated[float, Gt(-math.inf), Lt(math.inf)]
Fraction = Annotated[float, Ge(0), Le(1)]
