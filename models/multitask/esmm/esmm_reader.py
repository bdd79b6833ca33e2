"""Ali-CCP's impressions: `id,click,conversion,field:id,...`."""

from rec.data.text import TextReader


class RecDataset(TextReader):
    """Click and conversion; a conversion without a click is noise."""

    labels = ("click", "conversion")
    implies = ("conversion", "click")
