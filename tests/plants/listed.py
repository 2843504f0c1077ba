"""Which faults are planted, for which section of the design?"""

from collections.abc import Mapping

from tests.plants import commit, delivery, folding, intake
from tests.plants.plant import Plant

SECTIONS: Mapping[int, tuple[Plant, ...]] = {
    2: commit.PLANTS,
    3: folding.PLANTS,
    4: intake.PLANTS,
    5: delivery.PLANTS,
}

PLANTS = {plant.name: plant for plants in SECTIONS.values() for plant in plants}
