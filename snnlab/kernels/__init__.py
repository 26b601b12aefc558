"""The loops over time in machine code, for float32 in the memory of a processor.

Each function does its work and says so, or leaves it to the readable form, which stays the
definition: for other types, devices and layouts, for small tensors, inside ``torch.compile``, and
where the processor's language cannot be written.  Nobody has to choose.
"""

from snnlab.kernels.running import affine_of as affine_of
from snnlab.kernels.running import by_pixel as by_pixel
from snnlab.kernels.running import halve as halve
from snnlab.kernels.running import halves as halves
from snnlab.kernels.running import lif as lif
from snnlab.kernels.running import lif_gradient as lif_gradient
from snnlab.kernels.running import normalised_gradient as normalised_gradient
from snnlab.kernels.running import normalised_lif as normalised_lif
from snnlab.kernels.running import normalised_lif_gradient as normalised_lif_gradient
from snnlab.kernels.running import sam as sam
from snnlab.kernels.running import takes_normalised as takes_normalised

__all__: list[str] = []  # neurons, layers and explain call them, and nobody else has to
