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
from snnlab.training.loop import FAST, fit
from snnlab.training.recipes import CALIBRATION, RECIPES, SHELF, Recipe

__all__ = ["CALIBRATION", "FAST", "RECIPES", "SHELF", "Recipe", "augment", "fit"]
