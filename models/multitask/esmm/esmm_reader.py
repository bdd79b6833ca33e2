"""Ali-CCP's impressions, as `id,click,conversion,field:id,...` lines or prepared by datasets/ali-ccp/prepare.py."""

from rec.data.impressions import ImpressionReader
from rec.data.labels import LabelRules


class RecDataset(ImpressionReader):
    """Click and conversion; a conversion without a click is noise."""

    rules = LabelRules(columns=("click", "conversion"), implies=(("conversion", "click"),))
