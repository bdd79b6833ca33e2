"""Ali-CCP's impressions, as `id,click,conversion,field:id,...` lines or prepared by datasets/ali-ccp/prepare.py."""

from rec.data.labels import LabelRules
from rec.data.native import NativeReader


class RecDataset(NativeReader):
    """Click and conversion; a conversion without a click is excluded."""

    rules = LabelRules(columns=("click", "conversion"), implies=(("conversion", "click"),))
