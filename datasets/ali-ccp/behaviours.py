"""The columns of behaviours_<split>.parquet, which simulating writes and preparing carries along.

All are by exposure, keyed by sample_id; see README.md for what each means.
"""

import numpy as np

LABELS = {"cart": np.uint8, "like": np.uint8, "watch_time": np.float32, "rating": np.uint8}
"""What the user did after a click; 0 where there was none."""

COLUMNS = {"price": np.float32, "position": np.int32, "request_id": np.int64}
"""What is known of the exposure itself."""

TRUTH = dict.fromkeys(
    (
        "p_cart",
        "p_conversion_cart",
        "p_conversion_no_cart",
        "p_like",
        "mean_watch_time",
        "mean_rating",
        "p_examined",
        "p_relevance",
    ),
    np.float32,
)
"""What the labels were drawn from."""

BEHAVIOURS = LABELS | COLUMNS | TRUTH
