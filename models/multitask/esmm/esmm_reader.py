"""Ali-CCP's impressions, as `id,click,conversion,field:id,...` lines or prepared by datasets/ali-ccp/prepare.py."""

from rec.data.impressions import ImpressionReader


class RecDataset(ImpressionReader):
    """Click and conversion; a conversion without a click is noise."""

    labels = ("click", "conversion")
    implies = ("conversion", "click")
