"""Train the networks: one loop, on Lightning Fabric (CPU, one GPU or many), with resume.

::

    python -m snnlab.training relu-s0 lif-s0 --data tiny-imagenet-20.zip
    python -m snnlab.training --data tiny-imagenet-20.zip        # all of SHELF that are not there

The number after -s is the seed.  A spiking network starts from the weights of the ReLU network of
its seed ("lif"), or from the spiking one (other leaks, direct coding), and learns from the soft
labels of the ReLU network as well.  Everything random in an epoch follows from (seed, epoch), so a
run that was interrupted ends as if it had not been.
"""

from snnlab.training.augmentation import augment
from snnlab.training.loop import fit
from snnlab.training.recipes import RECIPES as _RECIPES
from snnlab.training.recipes import SHELF as _SHELF
from snnlab.training.recipes import Recipe

__all__ = ["RECIPES", "SHELF", "Recipe", "augment", "fit"]

# Said here, where the reference looks for what is said of a constant.
#: The recipe of each kind of network: the name before -s.
#:
#: :meta hide-value:
RECIPES: dict[str, Recipe] = _RECIPES
#: The networks that ``make networks`` makes.
SHELF: list[str] = _SHELF
