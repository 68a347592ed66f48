"""Which YUV matrix a video means: the rule that file sources and file sinks share."""

BT709 = 1
FCC = 4
BT601 = 5
SMPTE240M = 7
BT2020 = 9

LUMA_SHARES = {
    BT709: (0.2126, 0.0722),
    FCC: (0.3, 0.11),
    BT601: (0.299, 0.114),
    SMPTE240M: (0.212, 0.087),
    BT2020: (0.2627, 0.0593),
}
"""Of red and blue in the luma of each matrix (ITU-T H.273, table 4)."""

_BY_TAG = {1: BT709, 4: FCC, 5: BT601, 6: BT601, 7: SMPTE240M, 9: BT2020, 10: BT2020}


def is_known_matrix(tag: int) -> bool:
    """Whether this matrix tag (ITU-T H.273) is one that can be converted to and from RGB here."""
    return tag in _BY_TAG


def effective_matrix(tag: int, height: int) -> int:
    """The matrix to compute with, for a tag (ITU-T H.273) and the height in pixels of the coded picture.

    An untagged video is taken as players take it: BT.709 from 720 lines on, BT.601 below. The result is one of
    the constants of this module; they are also swscale's numbers for the same matrices.
    """
    return _BY_TAG.get(tag, BT709 if height >= 720 else BT601)
