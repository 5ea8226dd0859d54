"""From a run to what it says about images: codes, pictures of codes, traversals and swaps.

Each verb takes a run or its folder, and returns a labelled Dataset with the provenance of the run and of the
images. `Codec` is the same on plain arrays, with the weights loaded once: for whoever calls often.
"""

from distoolkit.encoding.codec import Codec
from distoolkit.encoding.codes import decode, encode
from distoolkit.encoding.pictures import swap, traverse

__all__ = ["Codec", "decode", "encode", "swap", "traverse"]
